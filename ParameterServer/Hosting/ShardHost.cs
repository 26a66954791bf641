using System.Collections.Concurrent;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>A parameter server without its wire: the shards of several jobs, each moving from version to version as contributions come in.</summary>
/// <param name="shard">Index among the parameter servers.</param>
/// <param name="first">ps-0; null where this is it.</param>
/// <param name="memoryLimit">Bytes that all jobs together may take; a job that does not fit is refused.</param>
/// <param name="files">Where checkpoints are written; null: the disk.</param>
/// <param name="threads">That an update may use.</param>
/// <param name="gate">Is asked before each version; null: nobody is.</param>
/// <param name="room">Makes memory for the values of a version; null: of this process.</param>
/// <param name="reach">Is told the phases of a step as they are reached; null: nobody is.</param>
public sealed class ShardHost(int shard, IShardPeer? first, long memoryLimit, TimeProvider time, IShardObserver observer, ICheckpointFiles? files = null, int threads = 1, IStepGate? gate = null, Func<int, IVersionRoom>? room = null, Action<FaultPhase, long>? reach = null) : IShardHost, IAsyncDisposable
{
    private readonly ShardContext _context = new(shard, first, time, observer, files ?? CheckpointFiles.Disk, threads, gate, room, reach ?? ((_, _) => { }));
    private readonly ConcurrentDictionary<string, JobGeneration> _jobs = new(StringComparer.Ordinal);
    private readonly MemoryBudget _memory = new(memoryLimit);
    private readonly SemaphoreSlim _opening = new(1);
    private readonly Lock _gate = new();
    // What older generations and closed jobs still write.
    private Task _ending = Task.CompletedTask;

    public string Incarnation { get; } = Guid.NewGuid().ToString("N");

    /// <value>The jobs that are hosted, with their shard's cursor.</value>
    public IReadOnlyDictionary<string, Cursor> Jobs => _jobs.ToDictionary(j => j.Key, j => j.Value.Cursor, StringComparer.Ordinal);

    /// <summary>Tries to enter each job for a moment.</summary>
    /// <param name="patience">A job at a time; far longer than its lock is ever held.</param>
    /// <returns>Those that could not be entered: they hang.</returns>
    public IReadOnlyList<string> Stuck(TimeSpan patience) => [.. _jobs.Where(j => !j.Value.TryEnter(patience)).Select(j => j.Key)];

    /// <summary>From the next checkpoint that is asked for on, no job moves on here: the process is going to end.</summary>
    public void Park()
    {
        foreach (JobGeneration job in _jobs.Values)
        {
            job.Park();
        }
    }

    /// <returns>Whether a job has come to the checkpoint where it stays.</returns>
    public bool IsParked(string jobId) => _jobs.TryGetValue(jobId, out JobGeneration? job) && job.IsParked;

    public async Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation)
    {
        await _opening.WaitAsync(cancellation);
        try
        {
            if (_jobs.TryGetValue(descriptor.JobId, out JobGeneration? known))
            {
                Compare(known.Descriptor, descriptor);
                return known.NeedsValues;
            }

            return Host(descriptor, null, null).NeedsValues;
        }
        finally
        {
            _opening.Release();
        }
    }

    public async Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation)
    {
        await _opening.WaitAsync(cancellation);
        try
        {
            long started = time.GetTimestamp();
            var restoration = new Restoration(term, generation, version);
            StepCoordinator? coordinator = null;
            if (_jobs.TryGetValue(descriptor.JobId, out JobGeneration? old))
            {
                Compare(old.Descriptor, descriptor);
                if (IsDone(old, restoration))
                {
                    old.Confirm(term);
                    return;
                }

                coordinator = old.Coordinator;
                _jobs.TryRemove(descriptor.JobId, out _);
                old.LetGo();
                await old.SupersedeAsync(new Cursor(generation, version ?? descriptor.ResumeStep ?? 0, 0));
                LetEnd(old);
            }

            try
            {
                JobGeneration job = Host(descriptor, restoration, coordinator);
                observer.Restored(descriptor.JobId, job.Cursor, job.NeedsValues, time.GetElapsedTime(started).TotalMilliseconds);
            }
            catch (Exception)
            {
                coordinator?.Fail(Unknown(descriptor.JobId));
                throw;
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    public ShardStatus Status(string jobId) => _jobs.TryGetValue(jobId, out JobGeneration? job) ? job.Status(Incarnation) : new ShardStatus { Incarnation = Incarnation };

    public async Task<bool> KeepAsync(string jobId, long version)
    {
        try
        {
            return await Job(jobId).KeepAsync(version);
        }
        catch (SupersededException)
        {
            throw Unknown(jobId);
        }
    }

    public CheckpointInventory Checkpoints(JobDescriptor descriptor)
    {
        int hosted = _jobs.TryGetValue(descriptor.JobId, out JobGeneration? job) ? job.Cursor.Generation : 0;
        try
        {
            int generation = Math.Max(hosted, CheckpointSet.NewestGeneration(descriptor.CheckpointDirectory));
            IReadOnlyList<long> versions = CheckpointSet.List(descriptor.CheckpointDirectory);
            if (shard != 0)
            {
                return new CheckpointInventory(versions, generation);
            }

            // A set of this job counts after its steps are in the log; later ones are of another run in the same folder.
            (int logged, long newest) = StepLog.Survey(descriptor);
            return new CheckpointInventory([.. versions.Where(version => version <= newest)], Math.Max(generation, logged));
        }
        catch (Exception exception) when (CheckpointFilesExtensions.IsDiskFailure(exception))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Shard {shard} cannot look into {descriptor.CheckpointDirectory}: {exception.Message} Give it the rights, or mount the folder.");
        }
    }

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation)
    {
        Ask(jobId, job =>
        {
            job.Initialize(values.Span);
            return true;
        });
        return Task.CompletedTask;
    }

    public JobDescriptor? Describe(string jobId) => _jobs.TryGetValue(jobId, out JobGeneration? job) ? job.Descriptor : null;

    public IStepSession Attach(StepHello hello, IStepSink sink) => Ask(hello.JobId, job => job.Attach(hello, sink));

    public AbandonedSlots? InHand(string jobId, string workerId) => Ask(jobId, job => job.InHand(workerId));

    /// <summary>ps-0: who has what in hand, for people.</summary>
    public string DescribeGrants(string jobId) => _jobs.TryGetValue(jobId, out JobGeneration? job) ? job.DescribeGrants() : "";

    /// <summary>Where this shard is with a job, and what it lacks there; null: it has no such job.</summary>
    public ShardProgress? Progress(string jobId) => _jobs.TryGetValue(jobId, out JobGeneration? job) ? job.Progress() : null;

    public IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation) => Coordinator(jobId).WatchAsync(from, cancellation);

    public Task CloseAsync(string jobId, CancellationToken cancellation)
    {
        if (_jobs.TryRemove(jobId, out JobGeneration? job))
        {
            job.LetGo();
            job.Fail(new ProtocolException(ProtocolError.UnknownJob, $"Job {jobId} was closed."), isClose: true);
            LetEnd(job);
            observer.Closed(jobId);
        }

        return Task.CompletedTask;
    }

    public Task<double> ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation) => Coordinator(jobId).ClipFactorAsync(cursor, shard, blockSquares).WaitAsync(cancellation);

    public Task<bool> AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation) => Coordinator(jobId).AnnounceAsync(announcement).WaitAsync(cancellation);

    public Task ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation)
    {
        Ask(jobId, job =>
        {
            job.Hear(progress);
            return true;
        });
        return Task.CompletedTask;
    }

    public Task CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation)
    {
        Coordinator(jobId).CheckpointPart(notice);
        return Task.CompletedTask;
    }

    public Task<long> CheckpointAsync(string jobId, CancellationToken cancellation) => Coordinator(jobId).CheckpointAsync().WaitAsync(cancellation);

    /// <summary>Lets go of all jobs and waits until nothing is at work.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (string jobId in _jobs.Keys)
        {
            await CloseAsync(jobId, CancellationToken.None);
        }

        Task ending;
        lock (_gate)
        {
            ending = _ending;
        }

        await ending;
        _opening.Dispose();
    }

    /// <summary>What is over here may still write.</summary>
    private void LetEnd(JobGeneration job)
    {
        lock (_gate)
        {
            _ending = _ending.IsCompletedSuccessfully ? job.EndAsync() : Task.WhenAll(_ending, job.EndAsync());
        }
    }

    private JobGeneration Host(JobDescriptor descriptor, Restoration? restoration, StepCoordinator? coordinator)
    {
        Validate(descriptor);
        var memory = new JobMemory(descriptor, shard, _memory);
        JobGeneration job;
        try
        {
            job = new JobGeneration(descriptor, _context, memory, restoration, coordinator);
        }
        catch (Exception)
        {
            memory.End();
            throw;
        }

        _jobs[descriptor.JobId] = job;
        observer.Opened(descriptor, job.Elements, job.Bytes);
        return job;
    }

    /// <returns>Whether the job is, or was, just there.</returns>
    /// <exception cref="ProtocolException">It comes from an older term or leads to an older generation.</exception>
    private bool IsDone(JobGeneration job, Restoration wanted)
    {
        string where = $"Job {job.Descriptor.JobId} on shard {shard}";
        long term = job.Restoration?.Term ?? 0;
        if (wanted.Term < term)
        {
            throw new ProtocolException(ProtocolError.Superseded, $"{where} was taken up by a scheduler of term {term}; one of term {wanted.Term} has nothing to say any more.");
        }

        if (job.Restoration is { } last && last.Generation == wanted.Generation && last.Version == wanted.Version)
        {
            return true;
        }

        int generation = job.Cursor.Generation;
        return wanted.Generation > generation
            ? false
            : throw new ProtocolException(ProtocolError.Superseded, $"{where} is in generation {generation} already; it can be taken up again only in a higher one, not in {wanted.Generation}.");
    }

    /// <summary>Asks a job; one that is just being taken up again is not there.</summary>
    private T Ask<T>(string jobId, Func<JobGeneration, T> ask)
    {
        try
        {
            return ask(Job(jobId));
        }
        catch (SupersededException)
        {
            throw Unknown(jobId);
        }
    }

    private JobGeneration Job(string jobId) => _jobs.TryGetValue(jobId, out JobGeneration? job) ? job : throw Unknown(jobId);

    private ProtocolException Unknown(string jobId) => new(ProtocolError.UnknownJob, $"Shard {shard} hosts no job {jobId}.");

    private StepCoordinator Coordinator(string jobId) => Job(jobId).Coordinator ?? throw new ProtocolException(ProtocolError.Invalid, $"Only shard 0 answers this, not shard {shard}.");

    private void Validate(JobDescriptor descriptor)
    {
        if (descriptor.Shards < 1 || shard >= descriptor.Shards || descriptor.Slots is < 1 or > 65_536 || descriptor.TotalSteps < 1 || descriptor.StepsPerEpoch < 1 || descriptor.Tensors.Count == 0
            || descriptor.EvaluationSlots < 0 || (descriptor.Best is { } best && (descriptor.EvaluationSlots == 0 || best.Labels < 1 || best.Rule.Patience < 1)) || descriptor.ResumeStep is { } step && (step < 0 || step > descriptor.TotalSteps))
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {descriptor.JobId} cannot run on shard {shard}: {descriptor.Shards} shards, {descriptor.Slots} slots, {descriptor.TotalSteps} steps, {descriptor.StepsPerEpoch} an epoch, {descriptor.Tensors.Count} tensors, resumed at {descriptor.ResumeStep}.");
        }
    }

    private static void Compare(JobDescriptor known, JobDescriptor other)
    {
        if (known.DeterminismClass != other.DeterminismClass)
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {known.JobId} runs in the determinism class '{known.DeterminismClass}'; a worker of the class '{other.DeterminismClass}' would not compute the same bits. Use workers of one class for a job.");
        }

        if (known.JobHash != other.JobHash)
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {known.JobId} was opened with other data or another job ({known.JobHash} instead of {other.JobHash}). Every worker must see the same files.");
        }

        if (known.Fingerprint() != other.Fingerprint())
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {known.JobId} was opened by a worker that describes it otherwise. All workers must run the same build.");
        }
    }
}
