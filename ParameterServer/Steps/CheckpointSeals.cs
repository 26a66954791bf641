using Lockstep.Core.Checkpoints;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Checkpoints;
using Lockstep.ParameterServer.Hosting;

namespace Lockstep.ParameterServer.Steps;

/// <summary>Makes sets of checkpoints count: those whose parts are all on disk, and whose steps were all reported. All calls are under the coordinator's lock; sets are sealed beside it.</summary>
/// <param name="gate">The coordinator's lock.</param>
/// <param name="last">The report that ends the job, where only its checkpoint is missing; null: it is not that far.</param>
/// <param name="durable">A set counts. Called under the lock.</param>
/// <param name="fail">The job must fail: its last checkpoint cannot be written.</param>
internal sealed class CheckpointSeals(JobDescriptor descriptor, Lock gate, JobPosition position, ReportFeed reports, BestTrack best, Func<StepReport?> last, Action durable, Action<Exception> fail, TimeProvider time, ICheckpointFiles files, IShardObserver observer)
{
    // Sets that are not whole, by version: cleared with the generation, and a whole set takes the older ones with it.
    private readonly SortedDictionary<long, string?[]> _parts = [];
    // The last report is told after its checkpoint.
    private readonly RunningDigest _digest = new(descriptor, step => reports.LedgerOf(step) ?? (last() is { } report && report.Cursor.Step == step ? report.Ledger : null));
    // Ends the patience with a disk that takes no last set: the job is closed, or taken up again.
    private CancellationTokenSource _giveUp = new();
    private bool _isStopped;
    private string _failure = "";
    private double _writeMs;

    /// <value>A checkpoint that somebody asked for.</value>
    public AskedVersion Asked { get; } = new(descriptor);

    /// <value>The newest version of which a whole set is on disk, as far as this process knows.</value>
    public long? DurableVersion { get; private set; }

    /// <value>Whether the set of the last version is on disk.</value>
    public bool IsLastDurable { get; private set; } = descriptor.ResumeStep == descriptor.TotalSteps;

    /// <value>Why the last set does not count yet, while that is tried again; null: nothing stands in its way. At any time.</value>
    public string? FinalFailure { get; private set; }

    /// <value>Done when no set is being sealed.</value>
    public Task Sealing { get; private set; } = Task.CompletedTask;

    /// <summary>The job begins at a version, or is taken up again there.</summary>
    public void Begin(long version, bool isRestored)
    {
        _parts.Clear();
        _digest.Begin(version);
        Asked.Begin(version);
        _giveUp.Cancel();
        _giveUp = new CancellationTokenSource();
        _isStopped = false;
        IsLastDurable = version == descriptor.TotalSteps;
        DurableVersion = isRestored || version > 0 ? version : null;
        FinalFailure = null;
        _failure = "";
        _writeMs = 0;
    }

    /// <summary>Seals nothing more until the next generation begins: what a set of this one were to delete, that one may be writing again.</summary>
    /// <returns>Done when nothing is being sealed or deleted.</returns>
    public Task StopAsync()
    {
        _isStopped = true;
        _giveUp.Cancel();
        return Sealing;
    }

    /// <summary>Takes note that a shard's part of this generation is on disk, or why it is not.</summary>
    public void Take(CheckpointNotice notice)
    {
        _writeMs = Math.Max(_writeMs, notice.WriteMs);
        if (notice.Sha256 is not { } sha256)
        {
            _failure = $"version {notice.Version}, ps-{notice.Shard}: {notice.Failure}";
            Asked.Answer(notice.Version, _failure);
            return;
        }

        if (!_parts.TryGetValue(notice.Version, out string?[]? parts))
        {
            _parts[notice.Version] = parts = new string?[descriptor.Shards];
        }

        parts[notice.Shard] = sha256;
        SealWhole();
    }

    /// <summary>Adds to a report what became of checkpoints since the one before.</summary>
    public StepReport AddTo(StepReport report)
    {
        report = report with { DurableVersion = DurableVersion ?? -1, CheckpointFailure = _failure, CheckpointWriteMs = _writeMs };
        (_failure, _writeMs) = ("", 0);
        return report;
    }

    /// <summary>Begins to make the sets count that are whole, up to the newest version: who goes back to one finds its reports in the log.</summary>
    public void SealWhole()
    {
        foreach ((long version, string?[] parts) in _parts.Where(p => p.Key <= position.Newest && !p.Value.Contains(null)).ToArray())
        {
            foreach (long old in _parts.Keys.Where(v => v <= version).ToArray())
            {
                _parts.Remove(old);
            }

            // One after the other, and beside training: the disk may be slow.
            Task before = Sealing;
            int generation = position.Generation;
            BestState? bestBefore = best.Before(version);
            CancellationToken giveUp = _giveUp.Token;
            Sealing = Task.Run(() => SealAsync(before, version, parts!, generation, bestBefore, giveUp), CancellationToken.None);
        }
    }

    /// <summary>The job ends at a version, which may have been kept already.</summary>
    public void End(long version)
    {
        IsLastDurable |= DurableVersion == version;
        Asked.End(version, IsLastDurable);
    }

    /// <summary>The job cannot go on.</summary>
    public void Fail(Exception failure)
    {
        _giveUp.Cancel();
        Asked.Fail(failure);
    }

    private async Task SealAsync(Task before, long version, string[] parts, int generation, BestState? bestBefore, CancellationToken giveUp)
    {
        await before;
        if (IsStopped(generation))
        {
            return;
        }

        bool mustKeep = descriptor.MustKeep(version);
        try
        {
            await DiskPatience.RunAsync(() => Seal(version, parts, generation, bestBefore), mustKeep, time, (failure, again) =>
            {
                FinalFailure = again ? failure.Message : null;
                observer.CheckpointFailed(descriptor.JobId, version, failure, again);
            }, giveUp);
            FinalFailure = null;
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            return;
        }
        catch (Exception failure)
        {
            bool isCurrent;
            lock (gate)
            {
                _failure = $"version {version}: {failure.Message}";
                Asked.Answer(version, _failure);
                isCurrent = generation == position.Generation;
            }

            if (isCurrent && (mustKeep || !CheckpointFilesExtensions.IsDiskFailure(failure)))
            {
                fail(CheckpointWriter.NotWritten(descriptor, version, failure));
            }

            return;
        }

        lock (gate)
        {
            if (generation == position.Generation)
            {
                DurableVersion = version;
                Asked.Answer(version, null);
                IsLastDurable |= best.IsLast(version);
                durable();
            }
        }

        if (IsStopped(generation))
        {
            return;
        }

        try
        {
            CheckpointSet.Prune(descriptor.CheckpointDirectory, descriptor.CheckpointKeep, version, Spared(), generation, files);
        }
        catch (Exception failure) when (CheckpointFilesExtensions.IsDiskFailure(failure))
        {
            // Old sets that stay do no harm but to the space; the next whole set tries again.
            observer.CheckpointFailed(descriptor.JobId, version, failure, tryAgain: true);
        }
    }

    private bool IsStopped(int generation)
    {
        lock (gate)
        {
            return _isStopped || generation != position.Generation;
        }
    }

    /// <summary>Sets that stay, however many newer ones there are.</summary>
    private long[] Spared()
    {
        lock (gate)
        {
            return [.. new[] { descriptor.ResumeStep, best.Version }.OfType<long>()];
        }
    }

    private void Seal(long version, string[] parts, int generation, BestState? bestBefore)
    {
        lock (gate)
        {
            // The last report waits for this set, and the set for the report: the file takes it first, the watchers last.
            reports.Prepare(generation == position.Generation && last() is { } report && report.Version == version ? report : null);
        }

        reports.Sync();
        string? digest;
        lock (gate)
        {
            digest = _digest.At(version);
        }

        CheckpointSet.Seal(descriptor.CheckpointDirectory, version, parts, generation, digest, bestBefore, files);
    }
}
