using System.Diagnostics;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>One service, started by itself.</summary>
internal sealed class ServiceProcess : IDisposable
{
    private readonly Process _process;

    private ServiceProcess(Process process) => _process = process;

    /// <param name="assembly">Path.</param>
    /// <param name="environment">All of it.</param>
    public static ServiceProcess Start(string assembly, IEnumerable<KeyValuePair<string, string>> environment)
    {
        var start = new ProcessStartInfo("dotnet", [assembly]) { UseShellExecute = false, RedirectStandardOutput = true };
        start.Environment.Clear();
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        Process process = Process.Start(start)!;
        // What it says is for nobody, and must not fill the pipe.
        process.BeginOutputReadLine();
        return new ServiceProcess(process);
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>The exit code; 128 more than a signal's number where that ended it.</returns>
    public async Task<int> EndAsync(CancellationToken cancellation)
    {
        await _process.WaitForExitAsync(cancellation);
        return _process.ExitCode;
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }
}
