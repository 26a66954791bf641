using Lockstep.Contracts;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.Scheduler;

/// <summary>Ready only while every parameter server of the configuration answers.</summary>
internal sealed class ShardsCheck(IConfiguration configuration, TimeProvider time) : IHealthCheck, IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lazy<IReadOnlyList<IShardControl>> _shards = new(() => ShardClients.FromConfiguration(configuration, ShardClients.Count(configuration), time));

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            string[] away = [.. (await Task.WhenAll(_shards.Value.Select(s => IsAwayAsync(s, cancellationToken)))).OfType<string>()];
            return away.Length == 0 ? HealthCheckResult.Healthy() : new HealthCheckResult(context.Registration.FailureStatus, string.Join(' ', away));
        }
        catch (InputException exception)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, exception.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_shards.IsValueCreated)
        {
            foreach (IShardControl shard in _shards.Value)
            {
                await shard.DisposeAsync();
            }
        }
    }

    private async Task<string?> IsAwayAsync(IShardControl shard, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            // Any job will do: that it answers is the answer.
            await shard.DescribeAsync("", both.Token);
            return null;
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return $"Parameter server {shard.Shard} does not answer.";
        }
        catch (Exception exception) when (exception is ProtocolException or InvalidOperationException)
        {
            return $"Parameter server {shard.Shard}: {exception.Message}";
        }
    }
}
