using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.ServiceDefaults.Health;

/// <summary>A part of a process without which it does nothing useful, though it still answers.</summary>
public interface IHangWatched
{
    /// <value>For people: what hangs.</value>
    string Name { get; }

    /// <returns>How long it has been stuck; zero: it is not.</returns>
    TimeSpan StuckFor();
}

/// <summary>Alive as long as nothing that is watched has been stuck for longer than the time-out.</summary>
/// <param name="timeout">Much longer than the longest slot takes: who ends a process that only computes loses its work.</param>
public sealed class HangCheck(IEnumerable<IHangWatched> watched, TimeSpan timeout) : IHealthCheck
{
    private const int DefaultSeconds = 600;

    /// <exception cref="InputException">The environment names no number of seconds.</exception>
    public static TimeSpan TimeoutFrom(IConfiguration configuration) => SecondsSetting.Read(configuration[EnvironmentNames.HangTimeout], EnvironmentNames.HangTimeout, DefaultSeconds);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        foreach (IHangWatched part in watched)
        {
            TimeSpan stuck = part.StuckFor();
            if (stuck >= timeout)
            {
                return Task.FromResult(new HealthCheckResult(context.Registration.FailureStatus, string.Create(CultureInfo.InvariantCulture, $"{part.Name} has been stuck for {stuck.TotalSeconds:0} s.")));
            }
        }

        return Task.FromResult(HealthCheckResult.Healthy());
    }
}
