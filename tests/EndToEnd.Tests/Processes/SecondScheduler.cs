using Lockstep.Engine.Processes;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>Another scheduler on the Redis and the parameter servers of a fleet, as one has it who starts two.</summary>
internal sealed class SecondScheduler : IDisposable
{
    private readonly ServiceProcess _process;

    private SecondScheduler(ServiceProcess process, Uri address)
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
        var environment = new Dictionary<string, string>(SystemProcess.EnvironmentOf(first.ProcessId))
        {
            ["Kestrel__Endpoints__http__Url"] = address.ToString(),
            ["Kestrel__Endpoints__grpc__Url"] = $"http://127.0.0.1:{ports[1]}",
        };
        return new SecondScheduler(ServiceProcess.Start(Built.Services.PathOf(Services.Scheduler), environment), address);
    }

    public void Kill() => _process.Kill();

    public void Dispose() => _process.Dispose();
}
