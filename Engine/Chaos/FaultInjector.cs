using Lockstep.Contracts.Faults;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Chaos;

/// <summary>Does a plan's faults to a fleet while its job runs.</summary>
/// <param name="folder">Through which the processes learn what they shall do to themselves.</param>
/// <param name="report">Is told of each fault as it happens.</param>
public sealed class FaultInjector(FaultPlan plan, FaultFolder folder, RunTimeline timeline, TimeProvider time, Action<FiredFault> report)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>A process that was killed is back by then.</summary>
    private static readonly TimeSpan SaidWithin = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    // One a fault.
    private readonly List<(FiredFault Fault, DateTimeOffset Time)> _fired = [];
    // Their numbers in the plan.
    private readonly HashSet<int> _happened = [];
    private readonly StepHolds _holds = new(folder);

    /// <value>What happened, in order of time, with the milliseconds to the next published step (null: none followed) and what was said of its target soon after.</value>
    public IReadOnlyList<(FiredFault Fault, double? RecoveryMs, IReadOnlyList<string> Said)> Fired
    {
        get
        {
            lock (_gate)
            {
                (FiredFault Fault, DateTimeOffset Time)[] fired = [.. _fired.OrderBy(f => f.Time)];
                return [.. fired.Select((f, i) => (f.Fault, timeline.RecoveryAfter(f.Time), timeline.SaidOf(NamesOf(f.Fault), f.Time, EndOf(f, fired.AsSpan(i + 1)))))];
            }
        }
    }

    /// <summary>Faults of the plan that did not happen; none where it has no end.</summary>
    public IReadOnlyList<Fault> Missed
    {
        get
        {
            lock (_gate)
            {
                return plan.Count is null ? [] : [.. plan.Faults.Where((_, number) => !_happened.Contains(number))];
            }
        }
    }

    /// <returns>Until when something is put down to a fault: for a time, and not where the same would be said of a later one.</returns>
    private static DateTimeOffset EndOf((FiredFault Fault, DateTimeOffset Time) fault, ReadOnlySpan<(FiredFault Fault, DateTimeOffset Time)> later)
    {
        DateTimeOffset end = fault.Time + SaidWithin;
        foreach ((FiredFault other, DateTimeOffset time) in later)
        {
            bool isAlike = other.Target == fault.Fault.Target || (other.Kind == fault.Fault.Kind && other.Kind is FaultKind.KillShard or FaultKind.Scale);
            if (isAlike && time < end)
            {
                return time;
            }
        }

        return end;
    }

    /// <summary>What is said of a shard that lost its state does not name it, and what a fault does to the fleet names the fault.</summary>
    private static string[] NamesOf(FiredFault fault) => fault.Kind switch
    {
        FaultKind.KillShard => [fault.Target, "a shard"],
        FaultKind.Scale or FaultKind.Add => [fault.Target, FaultActions.ReasonOf(fault.Kind)],
        _ => [fault.Target],
    };

    /// <summary>
    /// Before the run begins: from then on it stays at the steps of faults until they happen, or are known to who is to meet them, however fast it is.
    /// Where faults are drawn it stays now and then until enough have happened.
    /// </summary>
    /// <param name="steps">Of the run.</param>
    /// <param name="least">Faults that are to happen at least.</param>
    public void Prepare(long steps, int least)
    {
        if (plan.Count is null)
        {
            for (int number = 0; number < least; number++)
            {
                _holds.Hold(steps * (number + 1) / (least + 1), number);
            }

            return;
        }

        foreach ((int number, Fault fault) in plan.Faults.Index())
        {
            if (fault.At.Step is { } step)
            {
                _holds.Hold(step, number);
            }
        }
    }

    /// <summary>Goes on until the plan is at its end, or the job is.</summary>
    public async Task RunAsync(LocalFleet fleet, CancellationToken cancellation)
    {
        var actions = new FaultActions(fleet, time);
        // One a fault.
        var running = new List<Task>();
        try
        {
            foreach (Fault fault in plan.Faults)
            {
                if (fault.At.Seconds is { } seconds)
                {
                    await timeline.WaitSecondsAsync(seconds, cancellation);
                }

                running.Add(RunAsync(running.Count, fault, actions, cancellation));
            }
        }
        finally
        {
            await Task.WhenAll(running);
        }

        // A plan that is drawn may have no more to give.
        _holds.ReleaseAll();
    }

    private async Task RunAsync(int number, Fault fault, FaultActions actions, CancellationToken cancellation)
    {
        try
        {
            if (fault.At is { Step: { } step, Phase: null })
            {
                await timeline.WaitStepAsync(step, cancellation);
            }

            if (FaultPlan.IsInside(fault))
            {
                await ArmAsync(number, fault, cancellation);
            }
            else
            {
                await actions.RunAsync(fault, target => Report(number, fault, new FaultMark(target, time.GetUtcNow())), cancellation);
            }
        }
        finally
        {
            // One that did not happen holds nothing up for good.
            if (plan.Count is not null)
            {
                _holds.Release(number);
            }
        }
    }

    /// <summary>Arms a fault that a process does to itself, until it happened; one that lasts, for its time from then on. A process that is down is waited for.</summary>
    private async Task ArmAsync(int number, Fault fault, CancellationToken cancellation)
    {
        folder.Arm(number, fault);
        FaultMark? mark = null;
        try
        {
            if (fault.At is { Step: { } step, Phase: not null })
            {
                await timeline.WaitStepAsync(step, cancellation);
                folder.AskAgain(number);
            }

            long asked = time.GetTimestamp();
            while (mark is null)
            {
                if (folder.IsExpected(number) || time.GetElapsedTime(asked) > FaultActions.Patience)
                {
                    _holds.Release(number);
                }

                await Task.Delay(Pause, time, cancellation);
                Take();
            }

            await Task.Delay(TimeSpan.FromSeconds(fault.Duration), time, cancellation);
        }
        finally
        {
            folder.Disarm(number);
            Take();
        }

        void Take()
        {
            if (mark is null && folder.FiredAt(number) is { } found)
            {
                mark = found;
                Report(number, fault, found);
            }
        }
    }

    private void Report(int number, Fault fault, FaultMark mark)
    {
        var fired = new FiredFault(fault.Kind, new FaultTime(Math.Round(timeline.SecondsAt(mark.Time), 3), timeline.StepAt(mark.Time), fault.At.Phase), mark.Target);
        int before;
        lock (_gate)
        {
            before = _fired.Count;
            _fired.Add((fired, mark.Time));
            _happened.Add(number);
        }

        _holds.Release(plan.Count is null ? before : number);
        report(fired);
    }
}
