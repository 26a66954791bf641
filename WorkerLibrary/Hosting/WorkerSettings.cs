using Lockstep.Contracts;
using Lockstep.Contracts.Services;

namespace Lockstep.Worker.Hosting;

/// <summary>What the environment says.</summary>
/// <param name="WorkerId">Unique among the workers.</param>
/// <param name="Scheduler">The scheduler's gRPC address.</param>
/// <param name="Secret">Of the fleet; null or empty: none.</param>
internal sealed record WorkerSettings(string WorkerId, Uri Scheduler, string? Secret = null)
{
    /// <exception cref="InputException">The scheduler's address is missing or none.</exception>
    public static WorkerSettings From(IConfiguration configuration)
    {
        string id = configuration[EnvironmentNames.WorkerId] is { Length: > 0 } name ? name : $"{Environment.MachineName}-{Environment.ProcessId}";
        string? text = configuration[EnvironmentNames.SchedulerGrpc.Replace("__", ":", StringComparison.Ordinal)];
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? new WorkerSettings(id, address, configuration[EnvironmentNames.Secret])
            : throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.SchedulerGrpc} is '{text}', which is no address of the scheduler.", "Set it to the scheduler's gRPC address, such as http://scheduler:8081.");
    }
}
