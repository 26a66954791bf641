using Lockstep.Kernels;

namespace Lockstep.Benchmarks.Tests;

/// <summary>What the parts of a step allocate is counted exactly, so it is held here; what time they take is the benchmark's.</summary>
public class KernelAllocationTests
{
    /// <summary>16 MB: 1,024 blocks, 16 chunks.</summary>
    private const int Elements = 4 << 20;
    private const int WarmSteps = 3;
    private const int Steps = 4;

    [Fact]
    public void AStepAllocatesAFewKilobytes()
    {
        var kernels = new StepKernels(Elements, slots: 2);
        // What they take today, and a little. Who takes less may lower it.
        (string Name, Action Run, long Most)[] parts =
        [
            ("encode", kernels.Encode, 4608),
            ("write", kernels.Write, 256),
            ("read", kernels.Read, 256),
            ("add", kernels.Add, 4096),
            ("update", () => kernels.Update(), 2048),
        ];
        var bytes = new long[parts.Length];
        for (int step = 0; step < WarmSteps + Steps; step++)
        {
            foreach ((int index, (_, Action run, _)) in parts.Index())
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                run();
                bytes[index] += step < WarmSteps ? 0 : GC.GetAllocatedBytesForCurrentThread() - before;
            }
        }

        Assert.Empty(parts.Index().Where(p => bytes[p.Index] / Steps > p.Item.Most).Select(p => $"{p.Item.Name} allocates {bytes[p.Index] / Steps} bytes a step, and at most {p.Item.Most} are wanted"));
    }
}
