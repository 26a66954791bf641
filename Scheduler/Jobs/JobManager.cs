using System.Collections.Concurrent;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Paths;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Jobs;

/// <summary>The jobs there are, from submission to end.</summary>
internal sealed partial class JobManager(JobStore store, JobRules rules, IConnectionMultiplexer redis, Fleet fleet, Scaler scaler, WantedWorkers wanted, SchedulerTelemetry telemetry, IConfiguration configuration, TimeProvider time, ILoggerFactory loggers) : BackgroundService
{
    private const int FinishedKept = 16;

    /// <summary>How long a person who asks for a checkpoint is kept waiting; clients wait for any answer for 30 s.</summary>
    private static readonly TimeSpan CheckpointPatience = TimeSpan.FromSeconds(25);

    /// <summary>Between two looks whether a job stands still.</summary>
    private static readonly TimeSpan StandingPause = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<string, JobRun> _jobs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, JobFollower> _followers = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _staffing = new(1, 1);
    private readonly ILogger _logger = loggers.CreateLogger<JobManager>();
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationToken _stopping;
    private bool _isPublished;
    private long _remembered;
    private long _added;

    /// <value>Whether the records of a scheduler before were read.</value>
    public bool IsReady { get; private set; }

    /// <value>Done once the records of a scheduler before were read: until then no worker can be told whether its job goes on.</value>
    public Task Loaded => _loaded.Task;

    /// <value>Whether another scheduler is in charge.</value>
    public bool StandsBy { get; private set; }

    public IReadOnlyList<JobStatus> Jobs => [.. InOrder.Select(StatusOf)];

    /// <value>In order of submission.</value>
    public IEnumerable<JobRun> InOrder => _jobs.Values.OrderBy(j => j.Order);

    /// <value>Jobs that are not over, in order of submission.</value>
    public IReadOnlyList<JobRun> Open => [.. InOrder.Where(j => !j.IsOver)];

    public JobRun? Find(string jobId) => _jobs.GetValueOrDefault(jobId);

    /// <summary>A job that is not over and writes to a folder, or to one inside or around it.</summary>
    /// <param name="folder">Absolute path.</param>
    /// <exception cref="IOException">Links on the way cannot be followed.</exception>
    public JobRun? WriterOf(string folder) => InOrder.FirstOrDefault(j => !j.IsOver && RealPath.Overlap(j.Folder.Path, folder));

    public JobStatus StatusOf(JobRun job) => job.Status(fleet.CountOf(job.Id));

    /// <summary>Takes a job on; the same again is answered alike.</summary>
    /// <returns>Null: another job has this id.</returns>
    /// <exception cref="InputException">The request's job is none.</exception>
    public async Task<JobRun?> SubmitAsync(SubmitRequest request, CancellationToken cancellation)
    {
        if (!await store.SubmitAsync(request, cancellation))
        {
            return null;
        }

        if (Find(request.JobId) is { } known)
        {
            return known;
        }

        // One that was over long ago is known to the store only.
        JobRecord record = await store.FindAsync(request.JobId, cancellation) ?? new JobRecord(request, JobState.Queued, null, JobProgress.None);
        var run = new JobRun(record with { Request = request }, await store.TermAsync(cancellation), time);
        if (Add(run))
        {
            await StaffAsync();
        }

        return Find(request.JobId) ?? run;
    }

    public async Task CancelAsync(JobRun job) => await EndAsync(job, JobState.Cancelled, null);

    public async Task DeleteAsync(JobRun job, CancellationToken cancellation)
    {
        await EndAsync(job, JobState.Cancelled, null);
        await store.DeleteAsync(job.Id, cancellation);
        _jobs.TryRemove(job.Id, out _);
    }

    /// <summary>Whether steps of it are done, and by nobody of this scheduler: its workers stayed with one that stands by.</summary>
    public bool IsDoneElsewhere(JobRun job) => job.State == JobState.Running && fleet.CountOf(job.Id) == 0 && !job.LacksWorkers(0);

    /// <summary>Whether its shards have it, or had it and will again.</summary>
    public bool HasBegun(JobRun job) => _followers.ContainsKey(job.Id);

    /// <summary>Halts a job; its shards keep its state.</summary>
    /// <returns>False: it is over.</returns>
    public async Task<bool> PauseAsync(JobRun job) => await ChangeAsync(job, JobState.Paused, "paused");

    /// <summary>Lets a halted job go on.</summary>
    /// <returns>False: it is not halted.</returns>
    public async Task<bool> ResumeAsync(JobRun job) => job.State == JobState.Paused && await ChangeAsync(job, HasBegun(job) ? JobState.Waiting : JobState.Queued, "resumed");

    /// <summary>Keeps the version after the step in hand as a checkpoint; that where it stands, where it is halted or waits for workers.</summary>
    /// <returns>The version, once it is on disk.</returns>
    /// <exception cref="ProtocolException">It cannot be written, or the shards do not have the job.</exception>
    /// <exception cref="TimeoutException">No step was finished for too long, or the disk took too long.</exception>
    public async Task<long> CheckpointAsync(JobRun job, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping);
        patience.CancelAfter(CheckpointPatience);
        IReadOnlyList<IShardControl> shards = ShardClients.FromConfiguration(configuration, job.Spec.Shards, time);
        try
        {
            long version = job.State == JobState.Running ? await shards[0].CheckpointAsync(job.Id, patience.Token) : await KeepStandingAsync(job, shards, patience.Token);
            job.Append(fleet.CountOf(job.Id), null, FormattableString.Invariant($"a checkpoint was asked for; that of step {version} is on disk"));
            return version;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && !_stopping.IsCancellationRequested)
        {
            throw new TimeoutException();
        }
        finally
        {
            foreach (IShardControl shard in shards)
            {
                await shard.DisposeAsync();
            }
        }
    }

    private async Task<long> KeepStandingAsync(JobRun job, IReadOnlyList<IShardControl> shards, CancellationToken cancellation)
    {
        var standing = new StandingCheckpoint(shards, job.Id, time);
        while (true)
        {
            ShardStatus[] statuses = await Task.WhenAll(shards.Select(shard => shard.StatusAsync(job.Id, cancellation)));
            if (!statuses.Any(s => s.Hosted))
            {
                throw new ProtocolException(ProtocolError.UnknownJob, $"Job {job.Id} has not begun: there is nothing to keep yet.");
            }

            if (await standing.LookAsync(statuses, cancellation) is { } version)
            {
                return version;
            }

            await Task.Delay(StandingPause, time, cancellation);
        }
    }

    /// <summary>A person asks for a number of workers; null: the policy decides again.</summary>
    public async Task ScaleAsync(int? workers)
    {
        await wanted.AskAsync(workers, _stopping);
        scaler.Scale(workers);
        await StaffAsync();
    }

    private async Task<bool> ChangeAsync(JobRun job, JobState state, string note)
    {
        if (!job.TrySetState(state, null))
        {
            return false;
        }

        await store.SetStateAsync(job.Id, state, null, job.Progress, _stopping);
        job.Append(fleet.CountOf(job.Id), null, note);
        await StaffAsync();
        return true;
    }

    private bool Add(JobRun job)
    {
        job.Order = Interlocked.Increment(ref _added);
        if (!_jobs.TryAdd(job.Id, job))
        {
            return false;
        }

        telemetry.Began(job);
        job.Append(0, null);
        // Finished jobs are remembered in Redis; here only the newest, with what happened in them last.
        foreach (JobRun old in InOrder.Where(j => j.IsOver).SkipLast(FinishedKept).ToArray())
        {
            _jobs.TryRemove(old.Id, out _);
        }

        return true;
    }
}
