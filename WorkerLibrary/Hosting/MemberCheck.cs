using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.Worker.Hosting;

/// <summary>Ready once the scheduler has taken this worker in.</summary>
internal sealed class MemberCheck(WorkerService worker) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(worker.IsMember ? HealthCheckResult.Healthy() : new HealthCheckResult(context.Registration.FailureStatus, "The scheduler has not taken this worker in yet."));
}
