using System.Collections.Concurrent;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Coordination;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport;
using Lockstep.Transport.Protos;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Jobs;

/// <summary>The jobs there are, from submission to end.</summary>
internal sealed partial class JobManager(JobStore store, IConnectionMultiplexer redis, Fleet fleet, Scaler scaler, WantedWorkers wanted, SchedulerTelemetry telemetry, IConfiguration configuration, TimeProvider time, ILoggerFactory loggers) : BackgroundService
{
    private const int FinishedKept = 16;

    /// <summary>So often one worker may fail a job before it is the job's fault.</summary>
    private const int FailuresOfOne = 3;

    /// <summary>So many workers may die with one slot in hand before the slot is held to kill them.</summary>
    private const int DeathsOnOne = 3;

    /// <summary>How often the number of workers is thought over when nothing happens.</summary>
    private static readonly TimeSpan ScalingInterval = TimeSpan.FromSeconds(1);

    /// <summary>How long a person who asks for a checkpoint is kept waiting.</summary>
    private static readonly TimeSpan CheckpointPatience = TimeSpan.FromSeconds(30);

    /// <summary>How a job's error begins when its input, and not the system, is at fault.</summary>
    public const string BadInput = "bad input: ";

    private readonly ConcurrentDictionary<string, JobRun> _jobs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, JobFollower> _followers = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _staffing = new(1, 1);
    private readonly ILogger _logger = loggers.CreateLogger<JobManager>();
    private CancellationToken _stopping;
    private long _added;

    /// <value>Whether the records of a scheduler before were read.</value>
    public bool IsReady { get; private set; }

    public IReadOnlyList<JobStatus> Jobs => [.. InOrder.Select(StatusOf)];

    /// <value>In order of submission.</value>
    private IEnumerable<JobRun> InOrder => _jobs.Values.OrderBy(j => j.Order);

    /// <value>Jobs that are not over, in order of submission.</value>
    public IReadOnlyList<JobRun> Open => [.. InOrder.Where(j => !j.IsOver)];

    public JobRun? Find(string jobId) => _jobs.GetValueOrDefault(jobId);

    /// <summary>A job that is not over and writes to a folder.</summary>
    /// <param name="folder">Full path.</param>
    public JobRun? WriterOf(string folder) => InOrder.FirstOrDefault(j => !j.IsOver && Path.TrimEndingDirectorySeparator(Path.GetFullPath(j.Folder.Path)) == Path.TrimEndingDirectorySeparator(folder));

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
        JobRecord record = await store.FindAsync(request.JobId, cancellation) ?? new JobRecord(request, JobState.Queued, null);
        var run = new JobRun(request, record.State, record.Error, await store.TermAsync(cancellation), time);
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
        await new RedisLeases(redis, job.Id).DeleteAsync(cancellation);
        _jobs.TryRemove(job.Id, out _);
    }

    /// <summary>A worker says that it cannot do a job. Bad input ends the job; what may be the worker's own trouble does so only when it happens again and again, or to everybody.</summary>
    public async Task FailAsync(FailRequest request)
    {
        if (Find(request.JobId) is not { } job)
        {
            return;
        }

        LogWorkerFailed(request.WorkerId, request.JobId, request.Error);
        // The same value from two workers fails the job on its shards; where there is only one, it shows by coming again.
        bool again = job.AddFailure(request.WorkerId) >= FailuresOfOne;
        if (request.BadInput || again)
        {
            await EndAsync(job, JobState.Failed, (request.BadInput ? BadInput : "") + request.Error);
            return;
        }

        job.Barrier.Leave(request.WorkerId);
        job.Time.WorkerLost();
        await new RedisLeases(redis, job.Id).FreeWorkerAsync(request.WorkerId, _stopping);
        fleet.Idle(request.WorkerId, request.JobId);
        if (request.NotFinite)
        {
            TimeSpan length = fleet.Quarantine(request.WorkerId);
            LogQuarantined(request.WorkerId, length.TotalSeconds);
            job.Append(fleet.CountOf(job.Id), null, FormattableString.Invariant($"{request.WorkerId} computed a value that is not finite; it gets no work for {length.TotalSeconds:0} s"));
        }

        await StaffAsync();
    }

    /// <summary>A worker has opened a job: waits until as many have as it begins with. What is not known here is not waited for.</summary>
    public Task BeginAsync(string jobId, string workerId, CancellationToken cancellation) =>
        Find(jobId) is { } job ? job.Barrier.ArriveAsync(workerId).WaitAsync(cancellation) : Task.CompletedTask;

    /// <summary>Decides how many workers there shall be, and brings every job's staff to what it shall have. Called when a worker or a job came or went, and now and then.</summary>
    public async Task StaffAsync()
    {
        await _staffing.WaitAsync(_stopping);
        try
        {
            IReadOnlyList<JobRun> open = Open;
            await ScaleAsync([.. open.Where(j => j.WantsWorkers)]);
            // Workers that one job gives up are there for the next.
            foreach (JobRun job in open.OrderBy(j => fleet.CountOf(j.Id) <= j.TargetWorkers))
            {
                await StaffAsync(job);
            }

            telemetry.Staffed(open);
        }
        finally
        {
            _staffing.Release();
        }
    }

    /// <summary>Halts a job; its shards keep its state.</summary>
    /// <returns>False: it is over.</returns>
    public async Task<bool> PauseAsync(JobRun job) => await ChangeAsync(job, JobState.Paused, "paused");

    /// <summary>Lets a halted job go on.</summary>
    /// <returns>False: it is not halted.</returns>
    public async Task<bool> ResumeAsync(JobRun job) => job.State == JobState.Paused && await ChangeAsync(job, job.TotalSteps > 0 ? JobState.Waiting : JobState.Queued, "resumed");

    /// <summary>Keeps the version after the step in hand as a checkpoint.</summary>
    /// <returns>The version, once it is on disk.</returns>
    /// <exception cref="ProtocolException">It cannot be written, or the shards do not have the job.</exception>
    /// <exception cref="TimeoutException">No step was finished for too long.</exception>
    public async Task<long> CheckpointAsync(JobRun job, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping);
        patience.CancelAfter(CheckpointPatience);
        await using IShardClient first = ShardClients.FromConfiguration(configuration, 1, time)[0];
        try
        {
            long version = await first.CheckpointAsync(job.Id, patience.Token);
            job.Append(fleet.CountOf(job.Id), null, FormattableString.Invariant($"a checkpoint was asked for; that of step {version} is on disk"));
            return version;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && !_stopping.IsCancellationRequested)
        {
            throw new TimeoutException();
        }
    }

    /// <summary>A person asks for a number of workers; null: the policy decides again.</summary>
    public async Task ScaleAsync(int? workers)
    {
        scaler.Scale(workers);
        await StaffAsync();
    }

    /// <summary>A worker finishes what it has in hand and ends. Others take its place once its stream ends.</summary>
    /// <returns>False: there is no such worker.</returns>
    public bool Drain(string workerId)
    {
        if (!fleet.Drain(workerId))
        {
            return false;
        }

        LogDraining(workerId);
        return true;
    }

    /// <summary>A worker that joined says what it is working on; it goes on with a job that is still to be done.</summary>
    public bool MayGoOn(string jobId) => Find(jobId) is { WantsWorkers: true };

    /// <summary>A worker is gone: what it had leased is free at once.</summary>
    public async Task LeftAsync(FleetMember member)
    {
        telemetry.Left(member.WorkerId);
        if (member.JobId is { } jobId && Find(jobId) is { IsOver: false } job)
        {
            job.Barrier.Leave(member.WorkerId);
            if (await new RedisLeases(redis, jobId).InHandAsync(member.WorkerId, _stopping) is { } slot && job.AddDeath(slot.Cursor.Step, slot.Slot) >= DeathsOnOne)
            {
                await EndAsync(job, JobState.Failed, FormattableString.Invariant($"{DeathsOnOne} workers died while they computed slot {slot.Slot} of step {slot.Cursor.Step}: out of memory, or a crash in native code. See the workers' logs; smaller micro-batches (more slots) take less memory."));
                return;
            }

            int freed = await new RedisLeases(redis, jobId).FreeWorkerAsync(member.WorkerId, _stopping);
            if (freed > 0)
            {
                job.Time.WorkerLost();
            }

            LogLeft(member.WorkerId, jobId, freed);
            job.Append(fleet.CountOf(jobId), null, $"{member.WorkerId} left; {freed} of its slots are free again");
            await StaffAsync();
        }
    }

    private async Task ScaleAsync(JobRun[] jobs)
    {
        int before = scaler.Desired.Desired;
        (ScalingDecision decision, bool changed) = scaler.Decide([.. jobs.Select(j => (j.Id, j.Spec.Workers.Min, j.Spec.Workers.Max, j.Spec.Slots, fleet.CountOf(j.Id)))]);
        foreach ((JobRun job, JobScalingDecision target) in jobs.Zip(decision.Jobs))
        {
            if (job.TargetWorkers != target.Target)
            {
                job.TargetWorkers = target.Target;
                job.Append(fleet.CountOf(job.Id), null, $"{target.Target} workers wanted: {target.Reason}");
            }
        }

        if (changed)
        {
            LogDesired(decision.Desired, decision.Reason);
            telemetry.Scaled(before, decision.Desired, scaler.IsScaled ? ScalingReason.Person : jobs.Length == 0 ? ScalingReason.Idle : ScalingReason.Policy, decision.Reason);
            await wanted.PublishAsync(decision.Desired, _stopping);
        }
    }

    private async Task StaffAsync(JobRun job)
    {
        StaffingChange change = fleet.Staff(job);
        bool begins = job.State == JobState.Queued && change.Workers > 0;
        if (job.State == JobState.Running && change.Workers == 0 && job.TrySetState(JobState.Waiting, null))
        {
            LogWaiting(job.Id, job.Spec.Workers.Min);
            await store.SetStateAsync(job.Id, JobState.Waiting, null, _stopping);
            job.Append(0, null, $"waiting for workers: it needs at least {job.Spec.Workers.Min}");
        }
        else if (job.State is JobState.Queued or JobState.Waiting && change.Workers > 0 && job.TrySetState(JobState.Running, null))
        {
            await store.SetStateAsync(job.Id, JobState.Running, null, _stopping);
        }

        if (begins)
        {
            Follow(job, resumed: false);
        }

        if (!change.IsNothing)
        {
            LogStaffed(job.Id, change.ToString());
            job.Append(change.Workers, null, change.ToString());
        }
    }

    private async Task<bool> ChangeAsync(JobRun job, JobState state, string note)
    {
        if (!job.TrySetState(state, null))
        {
            return false;
        }

        await store.SetStateAsync(job.Id, state, null, _stopping);
        job.Append(fleet.CountOf(job.Id), null, note);
        await StaffAsync();
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        telemetry.Observe(() => fleet.Counts(scaler.Desired.Desired), () => Open.Select(job => (job, fleet.CountOf(job.Id))));
        while (true)
        {
            using var term = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            _stopping = term.Token;
            await LeadAsync(stoppingToken);
            // Another scheduler is in charge: nothing here goes on until that one is gone.
            IsReady = false;
            await term.CancelAsync();
            store.EndTerm();
            telemetry.StoodDown();
            _jobs.Clear();
            _followers.Clear();
            LogStandsBy();
            await store.WaitVacantAsync(time, stoppingToken);
        }
    }

    /// <summary>Is in charge until another scheduler takes over.</summary>
    private async Task LeadAsync(CancellationToken stop)
    {
        await store.BeginTermAsync(stop);
        await LoadAsync(stop);
        IsReady = true;
        using var timer = new PeriodicTimer(ScalingInterval, time);
        do
        {
            switch (await store.HoldAsync(stop))
            {
                case TermStatus.Superseded:
                    return;
                case TermStatus.Forgotten:
                    await RewriteAsync(stop);
                    break;
            }

            try
            {
                await StaffAsync();
            }
            catch (InvalidOperationException exception)
            {
                LogRefused(exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stop));
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        foreach (JobRecord record in await store.ListAsync(cancellation))
        {
            try
            {
                var job = new JobRun(record.Request, record.State, record.Error, await store.TermAsync(cancellation), time);
                if (Add(job) && job.State is JobState.Running or JobState.Waiting or JobState.Paused)
                {
                    Follow(job, resumed: true);
                }
            }
            catch (InputException exception)
            {
                LogUnreadable(exception, record.Request.JobId);
            }
        }
    }

    /// <summary>Redis was emptied: what this scheduler knows is written down again, and the shards know the rest.</summary>
    private async Task RewriteAsync(CancellationToken cancellation)
    {
        JobRun[] jobs = [.. InOrder];
        foreach (JobRun job in jobs)
        {
            await store.PutAsync(new JobRecord(job.Request, job.State, job.Error), cancellation);
            if (!job.IsOver)
            {
                job.Append(fleet.CountOf(job.Id), null, "Redis had lost everything; the job's record was written again");
            }
        }

        await wanted.PublishAsync(scaler.Desired.Desired, cancellation);
        await store.RewrittenAsync(cancellation);
        LogRewritten(jobs.Length);
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

    private void Follow(JobRun job, bool resumed) => _ = Task.Run(async () =>
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_stopping, job.Stop.Token);
        var follower = new JobFollower(job, fleet, scaler, store, telemetry, configuration, time, loggers.CreateLogger<JobFollower>());
        _followers[job.Id] = follower;
        try
        {
            await follower.RunAsync(resumed, stop.Token);
            await EndAsync(job, JobState.Finished, null);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (InputException exception)
        {
            await EndAsync(job, JobState.Failed, BadInput + exception.Message);
        }
        catch (Exception exception)
        {
            LogFollowFailed(exception, job.Id);
            await EndAsync(job, JobState.Failed, exception.Message);
        }
    }, CancellationToken.None);

    private async Task EndAsync(JobRun job, JobState state, string? error)
    {
        if (job.IsOver)
        {
            return;
        }

        if (state == JobState.Failed && error?.StartsWith(BadInput, StringComparison.Ordinal) == false && CheckpointSet.List(job.Folder.Checkpoints).LastOrDefault() is > 0 and long newest)
        {
            error += FormattableString.Invariant($" The newest checkpoint is that of step {newest}.");
        }

        (state, error) = await RecordEndAsync(job, state, error);
        if (!job.TrySetState(state, error))
        {
            return;
        }

        LogEnded(job.Id, state, error);
        telemetry.Ended(job, state, error);
        await store.SetStateAsync(job.Id, state, error, _stopping);
        await job.Stop.CancelAsync();
        job.Append(fleet.CountOf(job.Id), null);
        fleet.Release(job.Id);
        await CloseAsync(job);
        await StaffAsync();
    }

    /// <summary>Model and summary are there before anybody is told that the job is over.</summary>
    private async Task<(JobState State, string? Error)> RecordEndAsync(JobRun job, JobState state, string? error)
    {
        if (!_followers.TryRemove(job.Id, out JobFollower? follower))
        {
            return (state, error);
        }

        try
        {
            LeaseCounts leases = await new RedisLeases(redis, job.Id).CountAsync(_stopping);
            telemetry.Leased(job, leases);
            await Task.Run(() => follower.Finish(state, error, leases), _stopping);
            return (state, error);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ProtocolException)
        {
            LogNotRecorded(exception, job.Id);
            return (JobState.Failed, error ?? $"The result cannot be written to {job.Folder.Path}: {exception.Message} Free space or correct the rights, then resume.");
        }
    }

    private async Task CloseAsync(JobRun job)
    {
        // What cannot be reached has nothing to close: a parameter server that starts anew hosts no job.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stopping);
        patience.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            foreach (IShardClient shard in ShardClients.FromConfiguration(configuration, job.Spec.Shards, time))
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
}
