using System.Runtime.InteropServices;

namespace Lockstep.Training;

/// <summary>How libtorch executes TorchScript.</summary>
internal static partial class ScriptInterpreter
{
    private const string Library = "torch_cpu";

    /// <summary>
    /// On this thread, code is executed as it is written, operation by operation, from now on. Otherwise libtorch watches a function's first calls and then executes it in another form, made for the shapes that it saw:
    /// a slot's bits would depend on what a process computed before.
    /// </summary>
    public static void ExecuteAsWritten()
    {
        if (OperatingSystem.IsWindows())
        {
            SetOptimizeOnWindows(0);
        }
        else
        {
            SetOptimize(0);
        }
    }

    // TorchSharp has no call for it: these are torch::jit::setGraphExecutorOptimize(bool), by the names that the compilers give it. It goes by thread.
    [LibraryImport(Library, EntryPoint = "_ZN5torch3jit24setGraphExecutorOptimizeEb")]
    private static partial void SetOptimize(byte optimize);

    [LibraryImport(Library, EntryPoint = "?setGraphExecutorOptimize@jit@torch@@YAX_N@Z")]
    private static partial void SetOptimizeOnWindows(byte optimize);
}
