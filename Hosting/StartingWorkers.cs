using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Lockstep.Hosting;

/// <summary>Shows a worker whose process is there and that is not ready yet as starting: Aspire calls it running, and unhealthy.</summary>
internal sealed class StartingWorkers(WorkerFleet fleet, ResourceNotificationService notifications, TimeProvider time) : BackgroundService
{
    /// <summary>One that is not ready by then is not well.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // By worker, and by the start of its process: one is starting only once.
    private readonly Dictionary<string, DateTime> _starting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTime> _ready = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        HashSet<IResource> workers = [.. fleet.Workers.Select(worker => worker.Resource)];
        await foreach (ResourceEvent seen in notifications.WatchAsync(stoppingToken))
        {
            if (workers.Contains(seen.Resource) && seen.Snapshot.StartTimeStamp is { } start && StateOf(seen.Resource.Name, seen.Snapshot, start) is { } state)
            {
                // What came after it is judged when it is seen.
                await notifications.PublishUpdateAsync(seen.Resource, seen.ResourceId, now => now.State?.Text == seen.Snapshot.State?.Text && now.StartTimeStamp == start ? now with { State = state } : now);
            }
        }
    }

    /// <returns>Null: as it is shown.</returns>
    private string? StateOf(string worker, CustomResourceSnapshot snapshot, DateTime start)
    {
        // Those of the process before stay until the first of this one; before the first of all there is none.
        bool isReady = snapshot.HealthReports.Length > 0 && snapshot.HealthReports.All(report => report.Status == HealthStatus.Healthy && report.LastRunAt > start.ToUniversalTime());
        bool isLate = time.GetUtcNow().UtcDateTime - start.ToUniversalTime() > Limit;
        if (snapshot.State?.Text == KnownResourceStates.Running && !isLate && _ready.GetValueOrDefault(worker) != start)
        {
            if (!isReady)
            {
                _starting[worker] = start;
                return KnownResourceStates.Starting;
            }

            _ready[worker] = start;
        }
        else if (snapshot.State?.Text == KnownResourceStates.Starting && _starting.GetValueOrDefault(worker) == start && (isReady || isLate))
        {
            _ready[worker] = start;
            return KnownResourceStates.Running;
        }

        return null;
    }
}
