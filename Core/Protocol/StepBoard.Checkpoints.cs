using Lockstep.Core.Checkpoints;

namespace Lockstep.Core.Protocol;

public sealed partial class StepBoard
{
    // Sets that are not whole, by version: cleared with the generation, and a whole set takes the older ones with it.
    private readonly SortedDictionary<long, string?[]> _parts = [];
    private Task _sealing = Task.CompletedTask;
    // Ends the patience with a disk that takes no last set: the job is closed, or taken up again.
    private CancellationTokenSource _giveUp = new();
    private bool _lastCheckpointDurable;
    private long? _durableVersion;
    private string _checkpointFailure = "";
    private double _checkpointWriteMs;

    /// <value>The newest version of which a whole set is on disk, as far as this board knows.</value>
    public long? DurableVersion
    {
        get
        {
            lock (_gate)
            {
                return _durableVersion;
            }
        }
    }

    /// <summary>Takes note that a shard's part of a checkpoint is on disk, or why it is not; the last part makes the set count, once all steps before it were reported.</summary>
    public void CheckpointPart(CheckpointNotice notice)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            if (notice.Generation != _generation)
            {
                // Cut before the job went back: this generation cuts its own.
                return;
            }

            Check(notice.Generation, notice.Shard, null);
            _checkpointWriteMs = Math.Max(_checkpointWriteMs, notice.WriteMs);
            if (notice.Sha256 is not { } sha256)
            {
                _checkpointFailure = $"version {notice.Version}, shard {notice.Shard}: {notice.Failure}";
                return;
            }

            if (!_parts.TryGetValue(notice.Version, out string?[]? parts))
            {
                _parts[notice.Version] = parts = new string?[_descriptor.Shards];
            }

            parts[notice.Shard] = sha256;
            SealWhole();
        }
    }

    /// <value>Done when no set is being sealed.</value>
    public Task Sealed
    {
        get
        {
            lock (_gate)
            {
                return _sealing;
            }
        }
    }

    private void BeginCheckpoints(long version, bool isRestored)
    {
        _parts.Clear();
        _giveUp.Cancel();
        _giveUp = new CancellationTokenSource();
        _lastCheckpointDurable = version == _descriptor.TotalSteps;
        _durableVersion = isRestored || version > 0 ? version : null;
        _checkpointFailure = "";
        _checkpointWriteMs = 0;
    }

    private StepReport WithCheckpoints(StepReport report)
    {
        report = report with { DurableVersion = _durableVersion ?? -1, CheckpointFailure = _checkpointFailure, CheckpointWriteMs = _checkpointWriteMs };
        _checkpointFailure = "";
        _checkpointWriteMs = 0;
        return report;
    }

    /// <summary>Makes the sets count whose parts are all on disk and whose steps were all reported: who goes back to one finds its reports in the log.</summary>
    private void SealWhole()
    {
        foreach ((long version, string?[] parts) in _parts.Where(p => p.Key <= _newest && !p.Value.Contains(null)).ToArray())
        {
            foreach (long old in _parts.Keys.Where(v => v <= version).ToArray())
            {
                _parts.Remove(old);
            }

            // One after the other, and beside training: the disk may be slow.
            Task before = _sealing;
            int generation = _generation;
            CancellationToken giveUp = _giveUp.Token;
            _sealing = Task.Run(() => SealAsync(before, version, parts!, generation, giveUp), CancellationToken.None);
        }
    }

    private async Task SealAsync(Task before, long version, string[] parts, int generation, CancellationToken giveUp)
    {
        await before;
        bool isFinal = version == _descriptor.TotalSteps;
        try
        {
            await DiskPatience.RunAsync(() => Seal(version, parts, generation), isFinal, _time, (failure, again) => _observer.CheckpointFailed(_descriptor.JobId, version, failure, again), giveUp);
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            return;
        }
        catch (Exception failure)
        {
            bool isCurrent;
            lock (_gate)
            {
                _checkpointFailure = $"version {version}: {failure.Message}";
                isCurrent = generation == _generation;
            }

            if (isCurrent && (isFinal || !CheckpointFilesExtensions.IsDiskFailure(failure)))
            {
                Failed?.Invoke(CheckpointWriter.NotWritten(_descriptor, version, failure));
            }

            return;
        }

        lock (_gate)
        {
            if (generation == _generation)
            {
                _durableVersion = version;
                _lastCheckpointDurable |= isFinal;
                FinishIfDone();
            }
        }

        try
        {
            CheckpointSet.Prune(_descriptor.CheckpointDirectory, _descriptor.CheckpointKeep, version, _descriptor.ResumeStep, _files);
        }
        catch (Exception failure) when (CheckpointFilesExtensions.IsDiskFailure(failure))
        {
            // Old sets that stay do no harm but to the space; the next whole set tries again.
            _observer.CheckpointFailed(_descriptor.JobId, version, failure, tryAgain: true);
        }
    }

    private void Seal(long version, string[] parts, int generation)
    {
        lock (_gate)
        {
            // The last report waits for this set, and the set for the report: the file takes it first, the watchers last.
            _log.Prepare(generation == _generation && version == _descriptor.TotalSteps && _last is { } last ? Last(last) : null);
        }

        _log.Sync();
        CheckpointSet.Seal(_descriptor.CheckpointDirectory, version, parts, generation, _files);
    }
}
