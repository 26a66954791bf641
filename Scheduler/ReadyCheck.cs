using Lockstep.Scheduler.Jobs;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.Scheduler;

/// <summary>Ready once the records of the scheduler before were read.</summary>
internal sealed class ReadyCheck(Term term) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(term.IsReady ? HealthCheckResult.Healthy() : new HealthCheckResult(context.Registration.FailureStatus, "The job records have not been read yet."));
}
