using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>Loads libtorch and says what its results depend on.</summary>
public static class TorchRuntime
{
    private static readonly Lock Gate = new();
    private static int loadedThreads;

    /// <summary>Loads libtorch and fixes its number of threads for the life of the process. Calling it again with the same number does nothing.</summary>
    /// <param name="threads">Threads of one operation, at least 1; part of the determinism class.</param>
    /// <exception cref="InvalidOperationException">It was loaded with another number of threads, which would change results in the middle.</exception>
    public static void Load(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        lock (Gate)
        {
            if (loadedThreads == threads)
            {
                return;
            }

            if (loadedThreads != 0)
            {
                throw new InvalidOperationException($"libtorch runs with {loadedThreads} threads; {threads} would change results. Start another process.");
            }

            torch.set_num_threads(threads);
            torch.set_num_interop_threads(1);
            loadedThreads = threads;
        }
    }

    /// <summary>The device that slots are computed on: <c>cuda</c> where the build and the machine have it, else <c>cpu</c>.</summary>
    internal static torch.Device Device { get; } = torch.cuda.is_available() ? torch.CUDA : torch.CPU;

    /// <summary>All that a slot's bits depend on besides the job, the data and our code. Workers of one job must have equal strings.</summary>
    public static string DeterminismClass(int threads)
    {
        var isa = Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported ? "avx512"
            : Avx2.IsSupported && Fma.IsSupported ? "avx2"
            : RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "neon" : "default";
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        var device = Device.type == DeviceType.CUDA ? "cuda" : "cpu";
        return $"libtorch-{torch.__version__} {isa} threads-{threads} {system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()} {device}";
    }
}
