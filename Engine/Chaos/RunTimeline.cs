namespace Lockstep.Engine.Chaos;

/// <summary>When each step of a run was published, and what was said meanwhile, as this process heard of it. Safe for several threads.</summary>
public sealed class RunTimeline(TimeProvider time)
{
    private readonly Lock _gate = new();
    // One a step.
    private readonly List<(DateTimeOffset Time, long Step)> _published = [];
    // A few for each worker that comes or goes.
    private readonly List<(DateTimeOffset Time, string Text)> _said = [];
    // Whoever waits; done and removed with the step.
    private readonly List<(long Step, TaskCompletionSource Done)> _waiting = [];
    private readonly TaskCompletionSource<DateTimeOffset> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Publish(long step)
    {
        DateTimeOffset now = time.GetUtcNow();
        TaskCompletionSource[] reached;
        lock (_gate)
        {
            _published.Add((now, step));
            reached = [.. _waiting.Where(w => w.Step <= step).Select(w => w.Done)];
            _waiting.RemoveAll(w => w.Step <= step);
        }

        _first.TrySetResult(now);
        foreach (TaskCompletionSource done in reached)
        {
            done.TrySetResult();
        }
    }

    /// <summary>The job or the fleet said something.</summary>
    public void Say(string text)
    {
        lock (_gate)
        {
            _said.Add((time.GetUtcNow(), text));
        }
    }

    /// <summary>What was said from one moment to another of any of some names, each text once.</summary>
    public IReadOnlyList<string> SaidOf(IReadOnlyList<string> names, DateTimeOffset from, DateTimeOffset until)
    {
        lock (_gate)
        {
            return [.. _said.Where(s => s.Time >= from && s.Time < until && names.Any(name => Names(s.Text, name))).Select(s => s.Text).Distinct()];
        }
    }

    /// <summary>Waits until so many steps are done.</summary>
    public Task WaitStepAsync(long step, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_published.Count > 0 && _published[^1].Step >= step)
            {
                return Task.CompletedTask;
            }

            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((step, done));
            return done.Task.WaitAsync(cancellation);
        }
    }

    /// <summary>Waits until so many seconds after the first publication.</summary>
    public async Task WaitSecondsAsync(double seconds, CancellationToken cancellation)
    {
        TimeSpan left = await _first.Task.WaitAsync(cancellation) + TimeSpan.FromSeconds(seconds) - time.GetUtcNow();
        if (left > TimeSpan.Zero)
        {
            await Task.Delay(left, time, cancellation);
        }
    }

    /// <summary>Seconds from the first publication to a moment; below 0 before it.</summary>
    public double SecondsAt(DateTimeOffset moment) => _first.Task.IsCompletedSuccessfully ? (moment - _first.Task.Result).TotalSeconds : 0;

    /// <summary>Steps that were published by then.</summary>
    public long StepAt(DateTimeOffset moment)
    {
        lock (_gate)
        {
            return _published.LastOrDefault(p => p.Time <= moment).Step;
        }
    }

    /// <summary>How long no step came. The first one that this process hears of after a moment may have been done before: where the next one takes longer, that is the time.</summary>
    /// <returns>Milliseconds from a moment to the next publication, or from that to the one after; null: none followed.</returns>
    public double? RecoveryAfter(DateTimeOffset moment)
    {
        lock (_gate)
        {
            int next = _published.FindIndex(p => p.Time > moment);
            if (next < 0)
            {
                return null;
            }

            TimeSpan first = _published[next].Time - moment;
            TimeSpan second = next + 1 < _published.Count ? _published[next + 1].Time - _published[next].Time : TimeSpan.Zero;
            return (first > second ? first : second).TotalMilliseconds;
        }
    }

    /// <summary>Whether a text has a name, and not as the beginning of another, as worker-1 is of worker-12.</summary>
    private static bool Names(string text, string name)
    {
        int at = text.IndexOf(name, StringComparison.OrdinalIgnoreCase);
        return at >= 0 && (at + name.Length == text.Length || !char.IsAsciiDigit(text[at + name.Length]));
    }
}
