using System.Diagnostics;
using Lockstep.Engine.Processes;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>Another scheduler on the Redis and the parameter servers of a fleet, as one has it who starts two.</summary>
internal sealed class SecondScheduler : IDisposable
{
    private readonly Process _process;

    private SecondScheduler(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    public Uri Address { get; }

    /// <summary>Starts it with the environment of the fleet's own, but for its ports.</summary>
    public static SecondScheduler Start(LocalFleet fleet)
    {
        FleetProcess first = fleet.Processes.Single(process => process.Name == "scheduler");
        IReadOnlyList<int> ports = FreePorts.Take(2);
        var address = new Uri($"http://127.0.0.1:{ports[0]}");
        var start = new ProcessStartInfo("dotnet", [SystemProcess.CommandLineOf(first.ProcessId).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1]]) { UseShellExecute = false, RedirectStandardOutput = true };
        start.Environment.Clear();
        foreach (string variable in File.ReadAllText($"/proc/{first.ProcessId}/environ").Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            start.Environment[variable[..variable.IndexOf('=', StringComparison.Ordinal)]] = variable[(variable.IndexOf('=', StringComparison.Ordinal) + 1)..];
        }

        start.Environment["Kestrel__Endpoints__http__Url"] = address.ToString();
        start.Environment["Kestrel__Endpoints__grpc__Url"] = $"http://127.0.0.1:{ports[1]}";
        Process process = Process.Start(start)!;
        // What it says is for nobody, and must not fill the pipe.
        process.BeginOutputReadLine();
        return new SecondScheduler(process, address);
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
