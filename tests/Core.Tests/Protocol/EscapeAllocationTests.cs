using Lockstep.Core.Codec;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

/// <summary>Escapes take memory that is kept for the next.</summary>
public sealed class EscapeAllocationTests
{
    private const int Slots = 4;

    [Fact]
    public void A_step_in_which_all_escapes_takes_its_room_once()
    {
        JobDescriptor job = StubGradients.Job(1, Slots, 1000, elements: 600_000);
        var layout = new ModelLayout(job.Tensors, 1);
        var group = new GroupBuilder(job, layout);
        var gradient = new float[layout.Elements];
        StubGradients.Fill(gradient, StubGradients.Initial(job), 0, 0);
        short[][] hints = [[.. Enumerable.Repeat(BlockExponent.Floor, layout.Blocks.Count)]];
        for (int step = 0; step < 3; step++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            group.Begin(new Cursor(0, step, 0), hints);
            Assert.True(group.Add(0, 1, 1, gradient));
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(step == 0 || allocated < 16_384, $"{allocated} bytes in step {step}.");
        }
    }
}
