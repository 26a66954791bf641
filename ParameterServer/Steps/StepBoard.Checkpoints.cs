using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Checkpoints;

namespace Lockstep.ParameterServer.Steps;

public sealed partial class StepBoard
{
    // Sets that are not whole, by version: cleared with the generation, and a whole set takes the older ones with it.
    private readonly SortedDictionary<long, string?[]> _parts = [];
    private Task _sealing = Task.CompletedTask;
    // Of the ledger's lines up to the version; null: read from the set that the job was taken up at, or not known.
    private LedgerDigest? _digest;
    private long _digestAt;
    private bool _isDigestRead;
    // Ends the patience with a disk that takes no last set: the job is closed, or taken up again.
    private CancellationTokenSource _giveUp = new();
    private bool _lastCheckpointDurable;
    private long? _durableVersion;
    private string _checkpointFailure = "";
    private double _checkpointWriteMs;
    // Somebody waits for a checkpoint beside those of the policy; which version it will be is known once all shards were told.
    private TaskCompletionSource<long>? _asked;
    private long? _askedVersion;

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

    /// <value>Why the last set does not count yet, while that is tried again; null: nothing stands in its way.</value>
    public string? FinalFailure { get; private set; }

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
                _checkpointFailure = $"version {notice.Version}, ps-{notice.Shard}: {notice.Failure}";
                AnswerAsked(notice.Version, _checkpointFailure);
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

    /// <summary>Asks for a checkpoint of the next version that can be; waits until its set is on disk. Who asks meanwhile gets the same.</summary>
    public Task<long> CheckpointAsync()
    {
        lock (_gate)
        {
            ThrowIfFailed();
            if (_finished)
            {
                return Task.FromResult(_newest);
            }

            if (_asked is null)
            {
                _asked = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
                // The last version is kept anyway, and no other comes after it.
                _askedVersion = IsLast(_newest) ? _newest : null;
                // Nobody may be waiting any more when it fails.
                _ = _asked.Task.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            }

            return _asked.Task;
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

    /// <summary>Ends the sealing of sets until the next generation begins: what a set of this one were to delete, that one may be writing again.</summary>
    /// <returns>Done when nothing is being sealed or deleted.</returns>
    public Task StopSealingAsync()
    {
        lock (_gate)
        {
            _giveUp.Cancel();
            return _sealing;
        }
    }

    private void BeginCheckpoints(long version, bool isRestored)
    {
        _parts.Clear();
        (_digest, _digestAt, _isDigestRead) = (null, version, false);
        // What was asked for is cut in this generation then.
        _askedVersion = _asked is not null && version == _descriptor.TotalSteps ? version : null;
        _giveUp.Cancel();
        _giveUp = new CancellationTokenSource();
        _lastCheckpointDurable = version == _descriptor.TotalSteps;
        _durableVersion = isRestored || version > 0 ? version : null;
        FinalFailure = null;
        _checkpointFailure = "";
        _checkpointWriteMs = 0;
    }

    /// <summary>Decides, once for all shards, whether the version after the newest is the one that was asked for.</summary>
    private bool KeepsNext()
    {
        if (_asked is null || _askedVersion is not null)
        {
            return false;
        }

        // The last version is kept anyway, and none comes after it.
        bool isLast = IsLast(_newest);
        _askedVersion = isLast ? _newest : _newest + 1;
        return !isLast;
    }

    /// <summary>The job ends at a version, which may have been kept already: nobody waits for a later one.</summary>
    private void KeepLast(long version)
    {
        _lastCheckpointDurable |= _durableVersion == version;
        if (_askedVersion > version)
        {
            _askedVersion = version;
            if (_lastCheckpointDurable)
            {
                AnswerAsked(version, null);
            }
        }
    }

    /// <param name="failure">Null: the set of this version is on disk.</param>
    private void AnswerAsked(long version, string? failure)
    {
        if (_asked is null || _askedVersion is not { } wanted || (failure is null ? version < wanted : version != wanted))
        {
            return;
        }

        if (failure is null)
        {
            _asked.TrySetResult(version);
        }
        else
        {
            _asked.TrySetException(new ProtocolException(ProtocolError.Checkpoint, $"Job {_descriptor.JobId}: the checkpoint could not be written to {_descriptor.CheckpointDirectory}: {failure} Free space or correct the rights, then ask again."));
        }

        _asked = null;
        _askedVersion = null;
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
            BestState? best = _best.Before(version);
            CancellationToken giveUp = _giveUp.Token;
            _sealing = Task.Run(() => SealAsync(before, version, parts!, generation, best, giveUp), CancellationToken.None);
        }
    }

    private async Task SealAsync(Task before, long version, string[] parts, int generation, BestState? best, CancellationToken giveUp)
    {
        await before;
        if (giveUp.IsCancellationRequested)
        {
            return;
        }

        bool mustKeep = _descriptor.MustKeep(version);
        try
        {
            await DiskPatience.RunAsync(() => Seal(version, parts, generation, best), mustKeep, _time, (failure, again) =>
            {
                FinalFailure = again ? failure.Message : null;
                _observer.CheckpointFailed(_descriptor.JobId, version, failure, again);
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
            lock (_gate)
            {
                _checkpointFailure = $"version {version}: {failure.Message}";
                AnswerAsked(version, _checkpointFailure);
                isCurrent = generation == _generation;
            }

            if (isCurrent && (mustKeep || !CheckpointFilesExtensions.IsDiskFailure(failure)))
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
                AnswerAsked(version, null);
                _lastCheckpointDurable |= IsLast(version);
                FinishIfDone();
            }
        }

        if (giveUp.IsCancellationRequested)
        {
            return;
        }

        try
        {
            CheckpointSet.Prune(_descriptor.CheckpointDirectory, _descriptor.CheckpointKeep, version, Spared(), generation, _files);
        }
        catch (Exception failure) when (CheckpointFilesExtensions.IsDiskFailure(failure))
        {
            // Old sets that stay do no harm but to the space; the next whole set tries again.
            _observer.CheckpointFailed(_descriptor.JobId, version, failure, tryAgain: true);
        }
    }

    /// <summary>Sets that stay, however many newer ones there are.</summary>
    private long[] Spared()
    {
        lock (_gate)
        {
            return [.. new[] { _descriptor.ResumeStep, _best.Version }.OfType<long>()];
        }
    }

    private void Seal(long version, string[] parts, int generation, BestState? best)
    {
        lock (_gate)
        {
            // The last report waits for this set, and the set for the report: the file takes it first, the watchers last.
            _log.Prepare(generation == _generation && _last is { } last && last.Report.Version == version ? Last(last.Report) : null);
        }

        _log.Sync();
        CheckpointSet.Seal(_descriptor.CheckpointDirectory, version, parts, generation, DigestAt(version), best, _files);
    }

    /// <returns>Null: some line up to the version is not known here.</returns>
    private string? DigestAt(long version)
    {
        lock (_gate)
        {
            if (!_isDigestRead)
            {
                _isDigestRead = true;
                _digest = _digestAt == 0 ? new LedgerDigest() : CheckpointSet.LedgerOf(_descriptor.CheckpointDirectory, _digestAt) is { } known ? new LedgerDigest(known) : null;
            }

            for (; _digest is not null && _digestAt < version; _digestAt++)
            {
                // The last report is told after its checkpoint.
                string? line = _log.LedgerOf(_digestAt) ?? (_last is { } last && last.Report.Cursor.Step == _digestAt ? last.Report.Ledger : null);
                if (string.IsNullOrEmpty(line))
                {
                    _digest = null;
                    return null;
                }

                _digest.Add(line);
            }

            return _digestAt == version ? _digest?.ToString() : null;
        }
    }
}
