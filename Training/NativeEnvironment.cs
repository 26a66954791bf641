using System.Runtime.InteropServices;

namespace Lockstep.Training;

/// <summary>Variables that libtorch and its libraries read. The framework's own setter does not reach the C library, where they look.</summary>
internal static partial class NativeEnvironment
{
    /// <summary>Sets a variable that the environment does not; call this before libtorch is loaded. A failure leaves it unset.</summary>
    public static void SetDefault(string name, string value)
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = SetVariable(name, value, overwrite: 0);
        }
        else if (Environment.GetEnvironmentVariable(name) is null)
        {
            Environment.SetEnvironmentVariable(name, value);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
