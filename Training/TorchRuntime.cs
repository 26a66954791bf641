using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Lockstep.Contracts;
using TorchSharp;

namespace Lockstep.Training;

/// <summary>Loads libtorch and says what its results depend on.</summary>
public static class TorchRuntime
{
    /// <summary>Part of the determinism class: raised whenever our own code changes the bits of a slot or an update.</summary>
    public const int NumericsVersion = 4;

    private static int s_interopSet;

    static TorchRuntime()
    {
        // OpenMP's threads spin for milliseconds while they wait, unless they are told otherwise, and take the processors from the work that they wait for.
        NativeEnvironment.SetDefault("OMP_WAIT_POLICY", "PASSIVE");
        NativeMemory.Keep();
        Device = torch.cuda.is_available() ? torch.CUDA : torch.CPU;
    }

    /// <summary>Fixes the number of threads of one operation, for operations that this thread begins from now on, and has them take numbers below 2⁻¹²⁶ for 0. libtorch keeps both by thread: call it on the thread that computes, and not in the middle of a job.</summary>
    /// <param name="threads">At least 1; part of the determinism class.</param>
    public static void UseThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (Interlocked.Exchange(ref s_interopSet, 1) == 0)
        {
            torch.set_num_interop_threads(1);
        }

        torch.set_num_threads(threads);
        // What a model is sure of has gradients of 1e-40, and processors take many times as long for those.
        _ = TorchContext.FlushDenormals();
    }

    /// <summary>As <see cref="UseThreads"/>, where results count.</summary>
    /// <exception cref="InputException">libtorch computes wrongly on this processor: what, and the remedy.</exception>
    public static void Require(int threads)
    {
        if (Device.type == DeviceType.CPU)
        {
            NumericsCheck.Require();
        }

        UseThreads(threads);
    }

    /// <summary>The device that slots are computed on: <c>cuda</c> where the build and the machine have it, else <c>cpu</c>.</summary>
    public static torch.Device Device { get; }

    /// <summary>All that a slot's bits depend on besides the job, the data and our code: what is known by name, and the bits of a fixed calculation for what is not. Workers of one job must have equal strings.</summary>
    public static string DeterminismClass(int threads)
    {
        var isa = Avx512F.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512F.VL.IsSupported ? "avx512"
            : Avx2.IsSupported && Fma.IsSupported ? "avx2"
            : RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "neon" : "default";
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        // On a GPU the same calculation need not give the same bits twice: its workers would be taken for different ones.
        var device = Device.type == DeviceType.CUDA ? "cuda" : $"cpu{(NumericsCheck.HasOneDnn ? "" : " no-onednn")} probe-{NumericsProbe.Digest}";
        return $"lockstep-{NumericsVersion} libtorch-{torch.__version__} {isa} threads-{threads} {system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()} {device}";
    }
}
