using System.Diagnostics;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tracing;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>The way from all contributions of a step to the next version, and what ps-0 is told of it.</summary>
internal sealed partial class HostedJob
{
    /// <returns>Whether the step is over, or its update under way.</returns>
    private bool AdvanceIfDecided()
    {
        lock (_gate)
        {
            if (IsOver || _parked || Job.Decide() == StepDecision.Wait)
            {
                return false;
            }

            if (_idle is not null)
            {
                return true;
            }

            _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _ = AdvanceAsync(_idle);
        return true;
    }

    private async Task AdvanceAsync(TaskCompletionSource idle)
    {
        try
        {
            do
            {
                long gathered = _context.Time.GetTimestamp();
                double gatherMs = _context.Time.GetElapsedTime(_firstIn ?? gathered, gathered).TotalMilliseconds;
                ActivityContext firstPush, lastPush;
                lock (_gate)
                {
                    _firstIn = null;
                    (firstPush, lastPush) = (_firstPush, _lastPush);
                    (_firstPush, _lastPush) = (default, default);
                }

                ShardSpans.Gathered(firstPush, _context.Time.GetUtcNow, gatherMs);
                switch (Job.Decide())
                {
                    case StepDecision.NotFinite:
                        throw new ProtocolException(ProtocolError.NotFinite, $"Job {Descriptor.JobId}: the gradient of step {Job.Cursor.Step} is not finite (slots {string.Join(", ", Job.NotFiniteSlots())}, on two workers alike). {ProtocolException.NotFiniteRemedy}");
                    default:
                        await UpdateAsync(gathered, gatherMs, lastPush);
                        break;
                }
            }
            // What came in meanwhile may already be all of the next step.
            while (IsDecidedAgain());
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
        finally
        {
            idle.SetResult();
        }
    }

    private bool IsDecidedAgain()
    {
        lock (_gate)
        {
            if (!IsOver && !_parked && Job.Decide() != StepDecision.Wait)
            {
                return true;
            }

            _idle = null;
            return false;
        }
    }

    private async Task UpdateAsync(long gathered, double gatherMs, ActivityContext lastPush)
    {
        // All slots are in: pushes that still come only read, so the state may be worked on outside of the lock.
        Cursor cursor = Job.Cursor;
        if (_context.Gate is { } gate)
        {
            await gate.PassAsync(cursor.Step, _closed.Token);
        }

        _context.Reach(FaultPhase.Update, cursor.Step);
        Activity? span = ShardSpans.Begin("update", lastPush);
        double factor = 1;
        if (Descriptor.Optimizer.ClipNorm is not null)
        {
            // This may wait for shards that lack slots: they are granted sooner where ps-0 knows that this one lacks none.
            TellProgress();
            double[] squares = Job.BlockSquares(_context.Threads);
            factor = await AskFirstAsync(() => _first.ClipFactorAsync(Descriptor.JobId, cursor, _context.Shard, squares, _closed.Token));
        }

        bool isAskedFor = await _announced;
        _closed.Token.ThrowIfCancellationRequested();
        Job.Update(factor, _context.Threads);
        CommittedStep step;
        bool isKept;
        lock (_gate)
        {
            step = Job.Commit();
            _gathered = gathered;
            _ledHere = span?.Context ?? default;
            isKept = isAskedFor || Descriptor.CheckpointsAt(Job.Cursor.Step);
            _parked = _parks && isAskedFor;
            Board?.Committed(step, gathered, _coordinator!.TakeCounts());
            // The board knows of the step before a worker can know of the version.
            _sessions.Send(_ => Turn(Job.View(-1)));
        }

        double updateMs = _context.Time.GetElapsedTime(gathered).TotalMilliseconds;
        span?.Dispose();
        TellProgress();
        _context.Reach(FaultPhase.Turn, cursor.Step);
        // From here on beside the workers' computing; the next update is not begun before this is done.
        UInt128[] hashes = Job.BlockHashes;
        ShardState? snapshot = null;
        double copyMs = 0;
        if (isKept)
        {
            long started = _context.Time.GetTimestamp();
            snapshot = Job.Snapshot();
            copyMs = _context.Time.GetElapsedTime(started).TotalMilliseconds;
        }

        _announced = AnnounceAsync(span?.Context ?? default, new ShardAnnouncement(cursor, _context.Shard, hashes, gatherMs, updateMs, step.Counters.Mismatched) { CheckpointBlockedMs = _blockedMs + copyMs, EscapedBlocks = step.EscapedBlocks });
        _blockedMs = 0;
        _context.Observer.Stepped(Descriptor.JobId, step, gatherMs, updateMs);
        if (snapshot is not null)
        {
            _blockedMs = await _writer.BeginAsync(snapshot);
            _context.Observer.CheckpointBlocked(Descriptor.JobId, snapshot.Version, copyMs, _blockedMs);
        }
    }

    private async Task<bool> AnnounceAsync(ActivityContext update, ShardAnnouncement announcement)
    {
        using Activity? span = ShardSpans.Begin("announce", update);
        try
        {
            Task<bool> asked = AskFirstAsync(() => _first.AnnounceAsync(Descriptor.JobId, announcement, _closed.Token));
            _context.Reach(FaultPhase.Announce, announcement.Cursor.Step);
            bool keepsNext = await asked;
            lock (_gate)
            {
                if (!IsOver && Job.Cursor.Step == announcement.Cursor.Step + 1)
                {
                    Job.ReleasePrevious();
                }
            }

            return keepsNext;
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            Fail(exception);
        }

        return false;
    }

    private Task TellAsync(CheckpointNotice notice) => AskFirstAsync(async () =>
    {
        await _first.CheckpointPartAsync(Descriptor.JobId, notice, _closed.Token);
        return true;
    });

    /// <summary>Asks ps-0. Where that has lost the job, or is in another generation than this shard, only a restoration helps, and it comes to both: until then this waits.</summary>
    private async Task<T> AskFirstAsync<T>(Func<Task<T>> ask)
    {
        for (TimeSpan pause = TimeSpan.FromMilliseconds(20); ; pause = pause < TimeSpan.FromMilliseconds(500) ? pause * 2 : pause)
        {
            try
            {
                return await ask();
            }
            catch (ProtocolException exception) when (exception.Error is ProtocolError.UnknownJob or ProtocolError.Superseded)
            {
                await Task.Delay(pause, _context.Time, _closed.Token);
            }
        }
    }
}
