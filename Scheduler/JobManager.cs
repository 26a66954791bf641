using System.Collections.Concurrent;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Coordination;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Transport.Protos;
using StackExchange.Redis;
using Cursor = Lockstep.Core.Protocol.Cursor;

namespace Lockstep.Scheduler;

/// <summary>Runs jobs: queue, workers, what the shards report, end.</summary>
internal sealed partial class JobManager(JobStore store, IConnectionMultiplexer redis, Fleet fleet, IConfiguration configuration, TimeProvider time, ILogger<JobManager> logger) : BackgroundService
{
    private const int FinishedKept = 16;

    /// <summary>How a job's error begins when its input, and not the system, is at fault.</summary>
    private const string BadInput = "bad input: ";

    private readonly ConcurrentDictionary<string, JobRun> _jobs = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _order = new();
    private readonly SemaphoreSlim _staffing = new(1, 1);
    private CancellationToken _stopping;

    /// <value>Whether the records of a scheduler before were read.</value>
    public bool IsReady { get; private set; }

    public IReadOnlyList<JobStatus> Jobs => [.. _order.Where(_jobs.ContainsKey).Select(id => _jobs[id].Status(fleet.CountOf(id)))];

    public JobRun? Find(string jobId) => _jobs.GetValueOrDefault(jobId);

    public JobStatus StatusOf(JobRun job) => job.Status(fleet.CountOf(job.Id));

    /// <summary>Takes a job on; the same again is answered alike.</summary>
    /// <returns>Null: another job has this id.</returns>
    public async Task<JobRun?> SubmitAsync(SubmitRequest request, CancellationToken cancellation)
    {
        var run = new JobRun(request, JobState.Queued, null);
        if (!await store.SubmitAsync(request, cancellation))
        {
            return null;
        }

        if (Add(run))
        {
            await StaffAsync();
        }

        return _jobs[request.JobId];
    }

    public async Task CancelAsync(JobRun job) => await EndAsync(job, JobState.Cancelled, null);

    public async Task DeleteAsync(JobRun job, CancellationToken cancellation)
    {
        await EndAsync(job, JobState.Cancelled, null);
        await store.DeleteAsync(job.Id, cancellation);
        await new RedisLeases(redis, job.Id).DeleteAsync(cancellation);
        _jobs.TryRemove(job.Id, out _);
    }

    /// <summary>A worker says that a job cannot be done.</summary>
    public async Task FailAsync(FailRequest request)
    {
        if (Find(request.JobId) is { } job)
        {
            LogWorkerFailed(request.WorkerId, request.JobId, request.Error);
            await EndAsync(job, JobState.Failed, (request.BadInput ? BadInput : "") + request.Error);
        }
    }

    /// <summary>Gives idle workers work. Called when a worker or a job came or went.</summary>
    public async Task StaffAsync()
    {
        await _staffing.WaitAsync(_stopping);
        try
        {
            foreach (JobRun job in _order.Select(Find).OfType<JobRun>().Where(j => !j.IsOver))
            {
                IReadOnlyList<string> given = fleet.Staff(job.Request, job.MinimumWorkers, job.MaximumWorkers, job.State == JobState.Running);
                if (given.Count == 0)
                {
                    continue;
                }

                LogStaffed(job.Id, string.Join(", ", given));
                if (job.State == JobState.Queued && job.TrySetState(JobState.Running, null))
                {
                    await store.SetStateAsync(job.Id, JobState.Running, null, _stopping);
                    Follow(job);
                }

                job.Append(fleet.CountOf(job.Id), null);
            }
        }
        finally
        {
            _staffing.Release();
        }
    }

    /// <summary>A worker is gone: what it had leased is free at once.</summary>
    public async Task LeftAsync(FleetMember member)
    {
        if (member.JobId is { } jobId && Find(jobId) is { IsOver: false } job)
        {
            int freed = await new RedisLeases(redis, jobId).FreeWorkerAsync(member.WorkerId, _stopping);
            LogLeft(member.WorkerId, jobId, freed);
            job.Append(fleet.CountOf(jobId), null);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _stopping = stoppingToken;
        await store.BeginTermAsync(stoppingToken);
        foreach (JobRecord record in await store.ListAsync(stoppingToken))
        {
            var job = new JobRun(record.Request, record.State, record.Error);
            if (Add(job) && job.State == JobState.Running)
            {
                Follow(job);
            }
        }

        IsReady = true;
        await StaffAsync();
    }

    private bool Add(JobRun job)
    {
        if (!_jobs.TryAdd(job.Id, job))
        {
            return false;
        }

        _order.Enqueue(job.Id);
        job.Append(0, null);
        // Finished jobs are remembered in Redis; here only the newest, with all that happened in them.
        foreach (string old in _order.Where(id => Find(id) is { IsOver: true }).SkipLast(FinishedKept).ToArray())
        {
            _jobs.TryRemove(old, out _);
        }

        return true;
    }

    private void Follow(JobRun job) => _ = Task.Run(async () =>
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_stopping, job.Stop.Token);
        try
        {
            await FollowAsync(job, stop.Token);
            await EndAsync(job, JobState.Finished, null);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (Exception exception) when (exception is InputException)
        {
            await EndAsync(job, JobState.Failed, BadInput + exception.Message);
        }
        catch (Exception exception)
        {
            LogFollowFailed(exception, job.Id);
            await EndAsync(job, JobState.Failed, exception.Message);
        }
    }, CancellationToken.None);

    private async Task FollowAsync(JobRun job, CancellationToken cancellation)
    {
        IReadOnlyList<IShardClient> shards = ShardClients.FromConfiguration(configuration, job.Shards, time);
        try
        {
            JobDescriptor descriptor = await WaitOpenedAsync(shards[0], job.Id, cancellation);
            job.TotalSteps = descriptor.TotalSteps;
            job.StepsPerEpoch = descriptor.StepsPerEpoch;
            job.Step = descriptor.ResumeStep ?? 0;
            job.Append(fleet.CountOf(job.Id), null);
            await foreach (StepReport report in shards[0].WatchAsync(job.Id, 0, cancellation))
            {
                job.Step = report.Cursor.Attempt == Cursor.Evaluation ? report.Cursor.Step : report.Cursor.Step + 1;
                job.Append(fleet.CountOf(job.Id), JsonSerializer.SerializeToElement(report));
            }
        }
        finally
        {
            foreach (IShardClient shard in shards)
            {
                await shard.DisposeAsync();
            }
        }
    }

    private async Task<JobDescriptor> WaitOpenedAsync(IShardClient first, string jobId, CancellationToken cancellation)
    {
        for (TimeSpan pause = TimeSpan.FromMilliseconds(20); ; pause = pause < TimeSpan.FromMilliseconds(500) ? pause * 1.5 : pause)
        {
            if (await first.DescribeAsync(jobId, cancellation) is { } descriptor)
            {
                return descriptor;
            }

            await Task.Delay(pause, time, cancellation);
        }
    }

    private async Task EndAsync(JobRun job, JobState state, string? error)
    {
        if (!job.TrySetState(state, error))
        {
            return;
        }

        LogEnded(job.Id, state, error);
        await store.SetStateAsync(job.Id, state, error, _stopping);
        await job.Stop.CancelAsync();
        job.Append(fleet.CountOf(job.Id), null);
        fleet.Release(job.Id);
        await CloseAsync(job);
        await StaffAsync();
    }

    private async Task CloseAsync(JobRun job)
    {
        // What cannot be reached has nothing to close: a parameter server that starts anew hosts no job.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stopping);
        patience.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            foreach (IShardClient shard in ShardClients.FromConfiguration(configuration, job.Shards, time))
            {
                await using (shard)
                {
                    await shard.CloseAsync(job.Id, patience.Token);
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or InputException)
        {
            LogNotClosed(exception, job.Id);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Job {JobId}: given to {Workers}")]
    private partial void LogStaffed(string jobId, string workers);

    [LoggerMessage(2, LogLevel.Warning, "Worker {WorkerId} left job {JobId}; {Freed} of its slots are free again")]
    private partial void LogLeft(string workerId, string jobId, int freed);

    [LoggerMessage(3, LogLevel.Information, "Job {JobId}: {State} {Error}")]
    private partial void LogEnded(string jobId, JobState state, string? error);

    [LoggerMessage(4, LogLevel.Error, "Worker {WorkerId} cannot do job {JobId}: {Error}")]
    private partial void LogWorkerFailed(string workerId, string jobId, string error);

    [LoggerMessage(5, LogLevel.Error, "Job {JobId} cannot be followed")]
    private partial void LogFollowFailed(Exception exception, string jobId);

    [LoggerMessage(6, LogLevel.Warning, "Job {JobId} was not closed on every parameter server")]
    private partial void LogNotClosed(Exception exception, string jobId);
}
