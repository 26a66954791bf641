using System.Diagnostics;

namespace Lockstep.Contracts.Services;

/// <summary>How an assembly is started as a process: by the runtime that runs this one, wherever it is installed.</summary>
public static class DotnetHost
{
    /// <summary>Set in images and by <c>dotnet run</c>; the endpoints of a child are named one by one instead.</summary>
    private static readonly string[] NotForChildren = ["ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS", "ASPNETCORE_HTTPS_PORTS", "URLS", "HTTP_PORTS", "HTTPS_PORTS", "LAUNCH_PROFILE", "DOTNET_LAUNCH_PROFILE"];

    private static readonly Lazy<string> Host = new(Find);

    /// <value>Path of the command that starts an assembly.</value>
    public static string Command => Host.Value;

    /// <summary>Describes a child process; its output is redirected, it has no input.</summary>
    /// <param name="assembly">Path of the assembly; the child runs in its folder, where its settings are.</param>
    public static ProcessStartInfo Start(string assembly, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string>> environment)
    {
        var start = new ProcessStartInfo(Command)
        {
            WorkingDirectory = Path.GetDirectoryName(assembly)!,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.ArgumentList.Add(assembly);
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (string name in NotForChildren)
        {
            start.Environment.Remove(name);
        }

        // Code that is made at the start is mapped twice otherwise, once to write and once to run, which takes a tenth of the time.
        start.Environment.TryAdd("DOTNET_EnableWriteXorExecute", "0");
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private static string Find()
    {
        // <root>/shared/Microsoft.NETCore.App/<version>/System.Private.CoreLib.dll
        string name = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        string? framework = Path.GetDirectoryName(typeof(object).Assembly.Location);
        string? root = string.IsNullOrEmpty(framework) ? null : Path.GetFullPath(Path.Combine(framework, "..", "..", ".."));
        return root is not null && File.Exists(Path.Combine(root, name)) ? Path.Combine(root, name) : name;
    }
}
