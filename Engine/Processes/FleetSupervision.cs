namespace Lockstep.Engine.Processes;

/// <summary>What becomes of a process that ends: it is started again, is left alone for a while, has left, or breaks the fleet.</summary>
internal sealed class FleetSupervision(FleetState fleet)
{
    /// <summary>Exit code of a process that was killed: no Ctrl-C does that.</summary>
    private const int KilledCode = 128 + UnixSignal.Kill;

    /// <summary>A Ctrl-C reaches the children too, and they may end before this process hears of it.</summary>
    private static readonly TimeSpan InterruptGrace = TimeSpan.FromMilliseconds(400);

    /// <summary>A worker that lived so long and ended with 0 was asked to leave, by the scheduler or by a person; that is no failure.</summary>
    private static readonly TimeSpan OrderlyLife = TimeSpan.FromSeconds(3);

    /// <summary>Stays with a process over all its lives. Whatever goes wrong with that breaks the fleet, rather than leaving a process down that everybody waits for.</summary>
    public async Task StayAsync(FleetMember member)
    {
        try
        {
            await WatchAsync(member);
        }
        catch (Exception exception)
        {
            fleet.Break(new FleetException($"{member.Plan.Name} ended and could not be started again: {exception.Message}"));
        }
    }

    private async Task WatchAsync(FleetMember member)
    {
        // Why the last attempt to start it came to nothing.
        string? failure = null;
        while (true)
        {
            int code = await member.Child.Exited;
            DateTimeOffset ended = fleet.Time.GetUtcNow();
            if (code != KilledCode)
            {
                await Task.Delay(InterruptGrace, fleet.Time, fleet.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (fleet.Stopping.IsCancellationRequested)
            {
                return;
            }

            if (ReportIfLeft(member))
            {
                return;
            }

            RestartDecision decision = Decide(member, failure is null ? code : null, ended);
            if (decision.Delay is not { } delay)
            {
                if (!MayWait(member))
                {
                    GiveUp(member, failure ?? $"{member.Plan.Name} ended with exit code {code}", decision.Reason);
                    return;
                }

                delay = RestartPolicy.Window;
                fleet.Report(member.Plan.Name, FleetEventKind.GivenUp, $"{failure ?? $"exit code {code}"}, and {decision.Reason}; the other workers go on, and it is started again in {delay.TotalSeconds:0} s. Its log: {member.Child.LogPath}");
            }

            await Task.Delay(delay, fleet.Time, fleet.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (!Restart(member))
                {
                    // It was asked to leave while it was down.
                    ReportIfLeft(member);
                    return;
                }
            }
            catch (FleetException exception)
            {
                // The machine may have no memory, processes or open files left for a moment: as an end right after the start.
                failure = exception.Message;
                continue;
            }

            fleet.Report(member.Plan.Name, FleetEventKind.Restarted, failure is null ? $"it ended with exit code {code}; {decision.Reason}" : $"{decision.Reason}; before that: {failure}");
            failure = null;
        }
    }

    /// <param name="code">Its exit code; null: it could not even be started again.</param>
    private RestartDecision Decide(FleetMember member, int? code, DateTimeOffset ended)
    {
        lock (fleet.Gate)
        {
            if (member.IsToEnd)
            {
                member.IsToEnd = false;
                return new RestartDecision(TimeSpan.Zero, "it was sent a signal");
            }

            if (fleet.IsSupervised && member.IsWorker && code == 0 && ended - member.Started > OrderlyLife)
            {
                return new RestartDecision(TimeSpan.Zero, "it was asked to leave");
            }

            member.Ends.RemoveAll(end => ended - end > RestartPolicy.Window);
            member.Ends.Add(ended);
            return fleet.IsSupervised ? RestartPolicy.Decide(member.Ends) : new RestartDecision(null, "it ended before all were ready");
        }
    }

    private bool ReportIfLeft(FleetMember member)
    {
        lock (fleet.Gate)
        {
            if (fleet.Stopping.IsCancellationRequested || !member.IsLeaving)
            {
                return false;
            }

            fleet.Members.Remove(member.Plan.Name);
            member.Child.Dispose();
        }

        fleet.Report(member.Plan.Name, FleetEventKind.Stopped, member.LeaveReason);
        return true;
    }

    private bool Restart(FleetMember member)
    {
        lock (fleet.Gate)
        {
            if (fleet.Stopping.IsCancellationRequested || member.IsLeaving)
            {
                return false;
            }

            if (member is { Number: { } number, Child.SaidPortTaken: true })
            {
                // Nobody but this process knows a worker's port.
                member.Plan = fleet.Plan.Worker(number);
            }

            ChildProcess before = member.Child;
            member.Child = fleet.StartChild(member.Plan);
            before.Dispose();
            member.Started = fleet.Time.GetUtcNow();
            return true;
        }
    }

    /// <summary>Whether a worker that does not stay up can be done without for a time: others are there.</summary>
    private bool MayWait(FleetMember member)
    {
        lock (fleet.Gate)
        {
            return fleet.IsSupervised && member.IsWorker && fleet.Members.Values.Any(m => m.IsWorker && m != member && !m.IsLeaving && !m.Child.Exited.IsCompleted);
        }
    }

    private void GiveUp(FleetMember member, string how, string reason)
    {
        bool isSupervised;
        lock (fleet.Gate)
        {
            isSupervised = fleet.IsSupervised;
        }

        if (isSupervised)
        {
            fleet.Report(member.Plan.Name, FleetEventKind.GivenUp, reason);
        }

        fleet.Break(new FleetException($"{how}, and {reason}. Its log, {member.Child.LogPath}, ends:{Environment.NewLine}{member.Child.Tail()}")
        {
            PortTaken = member.Child.SaidPortTaken,
        });
    }
}
