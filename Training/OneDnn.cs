using System.Runtime.InteropServices;

namespace Lockstep.Training;

/// <summary>oneDNN computes convolutions and evaluates LSTMs in libtorch, NNPACK takes its place in some. Without both libtorch does so by its own code and matrix products.</summary>
internal static class OneDnn
{
    /// <summary>Which instructions oneDNN may use.</summary>
    public const string Variable = "ONEDNN_MAX_CPU_ISA";

    /// <summary>A level at which it was right wherever it was wrong.</summary>
    public const string RightLevel = "SSE41";

    /// <summary>For the rest of the process. TorchSharp has no call for it; libtorch itself has, under names that its C++ compilers make.</summary>
    /// <returns>Whether it could be.</returns>
    public static bool TurnOff()
    {
        (string library, string context, string oneDnn, string nnpack) = OperatingSystem.IsWindows()
            ? ("torch_cpu.dll", "?globalContext@at@@YAAEAVContext@1@XZ", "?setUserEnabledMkldnn@Context@at@@QEAAX_N@Z", "?setUserEnabledNNPACK@Context@at@@QEAAX_N@Z")
            : (OperatingSystem.IsMacOS() ? "libtorch_cpu.dylib" : "libtorch_cpu.so", "_ZN2at13globalContextEv", "_ZN2at7Context20setUserEnabledMkldnnEb", "_ZN2at7Context20setUserEnabledNNPACKEb");
        if (!NativeLibrary.TryLoad(library, out nint handle)
            || !NativeLibrary.TryGetExport(handle, context, out nint find)
            || !NativeLibrary.TryGetExport(handle, oneDnn, out nint setOneDnn)
            || !NativeLibrary.TryGetExport(handle, nnpack, out nint setNnpack))
        {
            return false;
        }

        nint global = Marshal.GetDelegateForFunctionPointer<GlobalContext>(find)();
        Marshal.GetDelegateForFunctionPointer<SetEnabled>(setOneDnn)(global, 0);
        Marshal.GetDelegateForFunctionPointer<SetEnabled>(setNnpack)(global, 0);
        return true;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint GlobalContext();

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void SetEnabled(nint context, byte isEnabled);
}
