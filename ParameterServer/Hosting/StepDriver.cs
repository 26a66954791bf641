using System.Diagnostics;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tracing;
using Lockstep.ParameterServer.Checkpoints;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>Moves a shard of a job from version to version: the way from all contributions of a step to the next version, and what ps-0 and the workers are told of it.</summary>
/// <param name="coordinator">Of ps-0; null: this is another shard.</param>
/// <param name="grants">Of ps-0; null: this is another shard.</param>
/// <param name="tellProgress">Tells ps-0 where this shard is.</param>
/// <param name="fail">The job cannot go on.</param>
internal sealed class StepDriver(JobDescriptor descriptor, ShardContext context, GuardedState guarded, ContributionDesk desk, FirstShard first, CheckpointWriter writer, StepSessions sessions, StepCoordinator? coordinator, GrantCoordinator? grants, Action tellProgress, Action<Exception> fail)
{
    // Not null while a version is being made.
    private TaskCompletionSource? _atWork;
    // Whether the version after the announced one is kept, beside those of the policy.
    private Task<bool> _announced = Task.FromResult(false);
    private long? _gathered;
    private double _blockedMs;
    private bool _parks;
    private bool _parked;
    // The span that led to the newest version, where its step is traced.
    private ActivityContext _ledHere;

    private ShardState State => guarded.State;

    /// <value>Whether a version is being made. Under the lock.</value>
    public bool IsAtWork => _atWork is not null;

    /// <value>Done when no version is being made. Under the lock.</value>
    public Task Idle => _atWork?.Task ?? Task.CompletedTask;

    /// <value>Whether it stays where it is, at a checkpoint.</value>
    public bool IsParked
    {
        get
        {
            lock (guarded.Gate)
            {
                return _parked;
            }
        }
    }

    /// <summary>Stays at the next checkpoint that is asked for: the other shards cannot report a step without this one, so that none is done twice when another process takes over.</summary>
    public void Park()
    {
        lock (guarded.Gate)
        {
            _parks = true;
        }
    }

    /// <summary>A version for a worker. Under the lock.</summary>
    public TurnMessage Turn(PulledVersion version)
    {
        version.Trace = _ledHere;
        version.Gathered = _gathered;
        return new TurnMessage(version);
    }

    /// <summary>Makes the next version where all slots are in.</summary>
    /// <returns>Whether the step is over, or its update under way.</returns>
    public bool TryAdvance()
    {
        TaskCompletionSource done;
        lock (guarded.Gate)
        {
            if (!IsDecided)
            {
                return false;
            }

            if (_atWork is not null)
            {
                return true;
            }

            _atWork = done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _ = AdvanceAsync(done);
        return true;
    }

    private bool IsDecided => !guarded.IsOver && !_parked && State.Intake.Decide() != StepDecision.Wait;

    private async Task AdvanceAsync(TaskCompletionSource done)
    {
        try
        {
            do
            {
                long gathered = context.Time.GetTimestamp();
                (long? firstIn, ActivityContext firstPush, ActivityContext lastPush) = desk.TakeArrivals();
                double gatherMs = context.Time.GetElapsedTime(firstIn ?? gathered, gathered).TotalMilliseconds;
                ShardSpans.Gathered(firstPush, context.Time.GetUtcNow, gatherMs);
                if (State.Intake.Decide() == StepDecision.NotFinite)
                {
                    throw new ProtocolException(ProtocolError.NotFinite, $"Job {descriptor.JobId}: the gradient of step {State.Cursor.Step} is not finite (slots {string.Join(", ", State.Intake.NotFiniteSlots())}, on two workers alike). {ProtocolException.NotFiniteRemedy}");
                }

                await UpdateAsync(gathered, gatherMs, lastPush);
            }
            // What came in meanwhile may already be all of the next step.
            while (IsDecidedAgain());
        }
        catch (OperationCanceledException) when (guarded.Closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            fail(exception);
        }
        finally
        {
            done.SetResult();
        }
    }

    private bool IsDecidedAgain()
    {
        lock (guarded.Gate)
        {
            if (IsDecided)
            {
                return true;
            }

            _atWork = null;
            return false;
        }
    }

    private async Task UpdateAsync(long gathered, double gatherMs, ActivityContext lastPush)
    {
        // All slots are in: pushes that still come only read, so the state may be worked on outside of the lock.
        Cursor cursor = State.Cursor;
        if (context.Gate is { } gate)
        {
            await gate.PassAsync(cursor.Step, guarded.Closed);
        }

        context.Reach(FaultPhase.Update, cursor.Step);
        Activity? span = ShardSpans.Begin("update", lastPush);
        double factor = 1;
        if (descriptor.Optimizer.ClipNorm is not null)
        {
            // This may wait for shards that lack slots: they are granted sooner where ps-0 knows that this one lacks none.
            tellProgress();
            factor = await first.ClipFactorAsync(cursor, context.Shard, State.BlockSquares(context.Threads));
        }

        bool isAskedFor = await _announced;
        guarded.Closed.ThrowIfCancellationRequested();
        State.Update(factor, context.Threads);
        CommittedStep step;
        bool isKept;
        lock (guarded.Gate)
        {
            step = State.Commit();
            _gathered = gathered;
            _ledHere = span?.Context ?? default;
            isKept = isAskedFor || descriptor.CheckpointsAt(State.Cursor.Step);
            _parked = _parks && isAskedFor;
            coordinator?.Committed(step, gathered, grants!.TakeCounts());
            // The coordinator knows of the step before a worker can know of the version.
            sessions.Send(_ => Turn(State.View(-1)));
        }

        double updateMs = context.Time.GetElapsedTime(gathered).TotalMilliseconds;
        span?.Dispose();
        tellProgress();
        context.Reach(FaultPhase.Turn, cursor.Step);
        // From here on beside the workers' computing; the next update is not begun before this is done.
        UInt128[] hashes = State.BlockHashes;
        ShardSnapshot? snapshot = null;
        double copyMs = 0;
        if (isKept)
        {
            long started = context.Time.GetTimestamp();
            snapshot = State.Snapshot();
            copyMs = context.Time.GetElapsedTime(started).TotalMilliseconds;
        }

        _announced = AnnounceAsync(span?.Context ?? default, new ShardAnnouncement(cursor, context.Shard, hashes, gatherMs, updateMs, step.Counters.Mismatched) { CheckpointBlockedMs = _blockedMs + copyMs, EscapedBlocks = step.EscapedBlocks });
        _blockedMs = 0;
        context.Observer.Stepped(descriptor.JobId, step, gatherMs, updateMs);
        if (snapshot is not null)
        {
            _blockedMs = await writer.BeginAsync(snapshot);
            context.Observer.CheckpointBlocked(descriptor.JobId, snapshot.Version, copyMs, _blockedMs);
        }
    }

    private async Task<bool> AnnounceAsync(ActivityContext update, ShardAnnouncement announcement)
    {
        using Activity? span = ShardSpans.Begin("announce", update);
        try
        {
            Task<bool> asked = first.AnnounceAsync(announcement);
            context.Reach(FaultPhase.Announce, announcement.Cursor.Step);
            bool keepsNext = await asked;
            lock (guarded.Gate)
            {
                if (!guarded.IsOver && State.Cursor.Step == announcement.Cursor.Step + 1)
                {
                    State.ReleasePrevious();
                }
            }

            return keepsNext;
        }
        catch (OperationCanceledException) when (guarded.Closed.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            fail(exception);
        }

        return false;
    }
}
