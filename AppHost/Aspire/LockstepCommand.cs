using System.Diagnostics;
using Lockstep.Contracts.Services;

namespace Lockstep.AppHost;

/// <summary>The command line of this repository, as a process.</summary>
internal static class LockstepCommand
{
    /// <summary>Runs it to its end, in the folder of the repository; what it says goes to <paramref name="tell"/>, line by line, from several threads.</summary>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(string folder, IEnumerable<string> arguments, Action<string> tell, CancellationToken cancellation)
    {
        ProcessStartInfo start = DotnetHost.Start(BuiltPrograms.AssemblyOf(new Projects.Cli().ProjectPath), arguments, []);
        start.WorkingDirectory = folder;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        try
        {
            await Task.WhenAll(TellAsync(process.StandardOutput), TellAsync(process.StandardError));
            await process.WaitForExitAsync(cancellation);
            return process.ExitCode;
        }
        finally
        {
            // What it started ends with it.
            if (!process.HasExited)
            {
                process.Kill();
            }
        }

        async Task TellAsync(StreamReader output)
        {
            while (await output.ReadLineAsync(cancellation) is { } line)
            {
                tell(line);
            }
        }
    }

    /// <summary>Folder of the repository.</summary>
    public static string RootOf(IDistributedApplicationBuilder builder) => Path.GetFullPath(Path.Combine(builder.AppHostDirectory, ".."));
}
