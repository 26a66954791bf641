using System.Diagnostics;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Lockstep.Transport.Grpc;

namespace Lockstep.Recovery;

/// <summary>When steps were published, as the first parameter server tells it: also while the scheduler is away.</summary>
internal sealed class StepWatch : ITrainingObserver
{
    private readonly TaskCompletionSource<string> _job = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(long Step, long At)> _published = [];
    private readonly Lock _gate = new();
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes)
    {
    }

    public void Happened(JobEvent item)
    {
        // Before the first step the shards may not know the job.
        if (item.Report is not null)
        {
            _job.TrySetResult(item.Status.JobId);
        }
    }

    /// <summary>Follows the job until it is over; who waits for a step is told where that fails.</summary>
    public async Task FollowAsync(LocalFleet fleet, CancellationToken cancellation)
    {
        try
        {
            await ReadAsync(fleet, cancellation);
        }
        catch (Exception exception)
        {
            lock (_gate)
            {
                _more.TrySetException(exception);
            }

            throw;
        }
    }

    private async Task ReadAsync(LocalFleet fleet, CancellationToken cancellation)
    {
        string job = await _job.Task.WaitAsync(cancellation);
        await using var shard = new GrpcShardClient(fleet.Shards[0], 0, TimeProvider.System, null, fleet.Secret);
        await foreach (StepReport report in shard.WatchAsync(job, 0, cancellation))
        {
            if (report.Ledger.Length == 0)
            {
                continue;
            }

            TaskCompletionSource told;
            lock (_gate)
            {
                _published.Add((report.Cursor.Step + 1, Stopwatch.GetTimestamp()));
                (told, _more) = (_more, new(TaskCreationOptions.RunContinuationsAsynchronously));
            }

            told.SetResult();
        }
    }

    /// <summary>Waits until so many steps are done.</summary>
    /// <returns>When that was, as a time stamp of <see cref="Stopwatch"/>.</returns>
    public async Task<long> WaitAsync(long step, CancellationToken cancellation)
    {
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_published.Count > 0 && _published[^1].Step >= step)
                {
                    return _published[^1].At;
                }

                more = _more.Task;
            }

            await more.WaitAsync(cancellation);
        }
    }

    /// <returns>Milliseconds that each step took that ended between two moments.</returns>
    public List<double> StepsBetween(long from, long to)
    {
        lock (_gate)
        {
            return [.. _published.Zip(_published.Skip(1)).Where(pair => pair.Second.At > from && pair.Second.At <= to).Select(pair => Stopwatch.GetElapsedTime(pair.First.At, pair.Second.At).TotalMilliseconds)];
        }
    }
}
