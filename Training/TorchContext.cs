using System.Runtime.InteropServices;

namespace Lockstep.Training;

/// <summary>Switches of libtorch's context for which TorchSharp has no call: libtorch itself has, under names that its C++ compilers make.</summary>
internal static class TorchContext
{
    private static readonly Lazy<nint> Library = new(() => NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "torch_cpu.dll" : OperatingSystem.IsMacOS() ? "libtorch_cpu.dylib" : "libtorch_cpu.so", out nint handle) ? handle : 0);

    /// <summary>oneDNN computes convolutions and evaluates LSTMs, NNPACK takes its place in some. Without both libtorch does so by its own code and matrix products. For the process.</summary>
    /// <returns>Whether both are off.</returns>
    public static bool TurnOffOneDnn() =>
        Set("_ZN2at7Context20setUserEnabledMkldnnEb", "?setUserEnabledMkldnn@Context@at@@QEAAX_N@Z", isOn: false) && Set("_ZN2at7Context20setUserEnabledNNPACKEb", "?setUserEnabledNNPACK@Context@at@@QEAAX_N@Z", isOn: false);

    /// <summary>Numbers below 2⁻¹²⁶ count as 0, in what is computed and in what it is computed of. For this thread, and those that it starts.</summary>
    /// <returns>Whether they do.</returns>
    public static bool FlushDenormals() => Set("_ZN2at7Context16setFlushDenormalEb", "?setFlushDenormal@Context@at@@QEAA_N_N@Z", isOn: true);

    private static bool Set(string name, string windowsName, bool isOn)
    {
        bool isWindows = OperatingSystem.IsWindows();
        if (Library.Value == 0
            || !NativeLibrary.TryGetExport(Library.Value, isWindows ? "?globalContext@at@@YAAEAVContext@1@XZ" : "_ZN2at13globalContextEv", out nint find)
            || !NativeLibrary.TryGetExport(Library.Value, isWindows ? windowsName : name, out nint set))
        {
            return false;
        }

        Marshal.GetDelegateForFunctionPointer<SetSwitch>(set)(Marshal.GetDelegateForFunctionPointer<GlobalContext>(find)(), isOn ? (byte)1 : (byte)0);
        return true;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate nint GlobalContext();

    /// <summary>What some of them return is not looked at.</summary>
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void SetSwitch(nint context, byte isOn);
}
