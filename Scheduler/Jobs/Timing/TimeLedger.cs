using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Scheduler.Jobs.Timing;

/// <summary>
/// The wall time of one job by what it went to; every moment is booked once. Time in which work was possible is held until a report tells what came of it.
/// Where something interrupted that work, what it took beyond the usual is booked on the interruption; where nothing is known to have, and it took more than twice the usual, as stalled. Safe for many callers.
/// </summary>
internal sealed class TimeLedger
{
    /// <summary>Work that takes so many times as long as usual was held up.</summary>
    private const int Patience = 2;

    /// <summary>So many seconds at most reports that were held up come faster than their work was done.</summary>
    private const int LongestBurst = 2;

    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly TimeTable _booked = new();
    private readonly TimeTable _before = new();
    private readonly UsualTime _steps = new();
    private readonly UsualTime _evaluations = new();
    private readonly HashSet<int> _shardsAway = [];
    private readonly long _created;
    private TimeTable _taken = new();
    private TimeSpan _earlier;
    private long _now;
    private JobState _state;
    // Another scheduler had the job in this state; null: none had it, or it was taken over.
    private JobState? _left;
    private bool _begun;
    private bool _closed;

    // Since the last report: time in which work was possible; time in which it should not have been, as much of it as a report may still prove to have been work; what interrupted it last.
    private TimeSpan _working;
    private (TimeUse Use, TimeSpan Time) _doubtful;
    private TimeUse? _interruption;

    // What the newest late report took too long. Reports that were held up come all at once after it: their work was done in this time.
    private (TimeUse Use, TimeSpan Time) _excess;
    // Until when such a burst may last; null: it begins with the next report.
    private long? _burstEnds;

    /// <param name="state">A job that is not queued any more had another scheduler before: see <see cref="TakeOver"/>.</param>
    public TimeLedger(JobState state, TimeProvider time)
    {
        _time = time;
        _state = state;
        _created = _now = time.GetTimestamp();
        if (state != JobState.Queued)
        {
            (_left, _begun, _interruption) = (state, true, TimeUse.SchedulerAway);
        }
    }

    /// <value>Wall time since the job was submitted, as the clock has it.</value>
    public TimeSpan Elapsed
    {
        get
        {
            lock (_gate)
            {
                return _earlier + _time.GetElapsedTime(_created, _closed ? _now : _time.GetTimestamp());
            }
        }
    }

    /// <value>The account as it looks up to the last report, or, once the ledger is closed, to the end: then it adds up to the elapsed time.</value>
    public TimeTable Account
    {
        get
        {
            lock (_gate)
            {
                TimeTable account = _booked.Since(new TimeTable());
                account.Add(_excess.Use, _excess.Time);
                account.Add(_doubtful.Use, _doubtful.Time);
                return account;
            }
        }
    }

    /// <value>Shards that cannot be reached.</value>
    public IReadOnlyList<int> ShardsAway
    {
        get
        {
            lock (_gate)
            {
                return [.. _shardsAway];
            }
        }
    }

    /// <summary>Takes the account of a run that this one goes on with.</summary>
    /// <param name="before">What its records say.</param>
    public void Resume(TimeTable before)
    {
        lock (_gate)
        {
            _before.Add(before);
            _booked.Add(before);
            _earlier += before.Sum;
        }
    }

    /// <summary>A scheduler before had this job: nobody has booked the time since its last record.</summary>
    /// <param name="recorded">When that was; null: there is none.</param>
    /// <param name="begun">Whether any step was recorded.</param>
    public void TakeOver(DateTimeOffset? recorded, bool begun)
    {
        lock (_gate)
        {
            Advance();
            TimeSpan gap = recorded is { } last ? Longest(_time.GetUtcNow() - last - _time.GetElapsedTime(_created, _now), TimeSpan.Zero) : TimeSpan.Zero;
            _earlier += gap;
            if (!begun)
            {
                _booked.Add(TimeUse.Starting, gap + _working);
                (_begun, _working, _interruption) = (false, TimeSpan.Zero, null);
            }
            else if (_left is JobState.Paused or JobState.Waiting)
            {
                _booked.Add(_left == JobState.Paused ? TimeUse.Paused : TimeUse.Waiting, gap);
            }
            else
            {
                // The workers may have gone on.
                (_excess, _working) = ((TimeUse.SchedulerAway, gap + _working), TimeSpan.Zero);
            }

            _left = null;
        }
    }

    /// <summary>Takes a record of the run that this one goes on with: such times are usual.</summary>
    public void Learn(RunRecord record)
    {
        (TimeUse use, UsualTime usual) = record is StepRecord ? (TimeUse.Training, _steps) : (TimeUse.Evaluating, _evaluations);
        if (record.Time?.TryGetValue(JobWords.Of(use), out double seconds) == true)
        {
            lock (_gate)
            {
                usual.Learn(0, TimeSpan.FromSeconds(seconds));
            }
        }
    }

    public void Changed(JobState state)
    {
        lock (_gate)
        {
            Advance();
            _state = state;
        }
    }

    public void ShardAway(int shard)
    {
        lock (_gate)
        {
            Advance();
            _shardsAway.Add(shard);
        }
    }

    /// <summary>The shard has what it needs to go on with the job.</summary>
    public void ShardBack(int shard)
    {
        lock (_gate)
        {
            Advance();
            _shardsAway.Remove(shard);
        }
    }

    /// <summary>A worker is gone with work in hand, or could not do it.</summary>
    public void WorkerLost()
    {
        lock (_gate)
        {
            Advance();
            Interrupt(TimeUse.Stalled);
        }
    }

    /// <summary>Something was done.</summary>
    /// <param name="use">Training, repeating or evaluating.</param>
    /// <param name="workers">That the job has now.</param>
    /// <param name="blocked">How long checkpoints held training up.</param>
    public void Reported(TimeUse use, int workers, TimeSpan blocked)
    {
        lock (_gate)
        {
            Advance();
            UsualTime usual = use == TimeUse.Evaluating ? _evaluations : _steps;
            TimeSpan? needed = usual.Value;
            TimeSpan time = _working + Proved(needed);
            TimeSpan held = Shortest(blocked, time);
            _booked.Add(TimeUse.Checkpointing, held);
            _booked.Add(use, Judge(usual, needed, time - held, workers));
            (_begun, _working, _interruption) = (true, TimeSpan.Zero, null);
        }
    }

    /// <summary>What was booked for good since it was asked for last, but for what <see cref="Resume"/> took over.</summary>
    public TimeTable Take()
    {
        lock (_gate)
        {
            Advance();
            TimeTable own = _booked.Since(_before);
            TimeTable news = own.Since(_taken);
            _taken = own;
            return news;
        }
    }

    /// <summary>The job is over: all that was held is booked, and nothing more will be.</summary>
    public void Close()
    {
        lock (_gate)
        {
            Advance();
            Settle();
            BookDoubtful();
            _booked.Add(_begun ? TimeUse.Ending : TimeUse.Starting, _working);
            _working = TimeSpan.Zero;
            _closed = true;
        }
    }

    /// <value>What keeps the job from working now; null: nothing.</value>
    private TimeUse? Obstacle => _state switch
    {
        // No worker has joined this scheduler yet, and it does not know what they do.
        _ when _left is JobState.Checking or JobState.Running => null,
        JobState.Paused => TimeUse.Paused,
        JobState.Waiting => TimeUse.Waiting,
        _ when !_begun => TimeUse.Starting,
        _ when _shardsAway.Count > 0 => TimeUse.Recovering,
        _ => null,
    };

    private void Advance()
    {
        if (_closed)
        {
            return;
        }

        long now = _time.GetTimestamp();
        TimeSpan passed = _time.GetElapsedTime(_now, now);
        _now = now;
        if (passed == TimeSpan.Zero)
        {
            return;
        }

        if (Obstacle is not { } obstacle)
        {
            _working += passed;
            return;
        }

        Interrupt(obstacle);
        if (_doubtful.Use != obstacle)
        {
            BookDoubtful();
        }

        // A scheduler that has just come, or has lost sight of a shard, may be wrong about what goes on; a report can prove no more than the usual.
        TimeSpan provable = obstacle is TimeUse.Waiting or TimeUse.Recovering ? _steps.Value ?? TimeSpan.Zero : TimeSpan.Zero;
        TimeSpan all = _doubtful.Time + passed;
        _doubtful = (obstacle, Shortest(all, provable));
        _booked.Add(obstacle, all - _doubtful.Time);
    }

    private void Interrupt(TimeUse cause) => _interruption = _interruption == TimeUse.SchedulerAway ? _interruption : cause;

    /// <summary>How much of the doubtful time was work: something was done while the obstacle seemed to be there.</summary>
    private TimeSpan Proved(TimeSpan? needed)
    {
        TimeSpan proved = needed is { } need && Obstacle == _doubtful.Use ? Shortest(_doubtful.Time, Longest(need - _working, TimeSpan.Zero)) : TimeSpan.Zero;
        _doubtful.Time -= proved;
        BookDoubtful();
        return proved;
    }

    /// <returns>How much of the time the work itself took.</returns>
    private TimeSpan Judge(UsualTime usual, TimeSpan? needed, TimeSpan time, int workers)
    {
        _burstEnds ??= _now + (LongestBurst * _time.TimestampFrequency);
        bool isBurst = _now < _burstEnds;
        if (!isBurst)
        {
            Settle();
        }

        if (_interruption == TimeUse.SchedulerAway)
        {
            (_excess, time) = ((TimeUse.SchedulerAway, _excess.Time + time), TimeSpan.Zero);
        }

        // What was interrupted was begun by those who were there before; else as many as there are did it.
        TimeSpan? expected = _interruption is not null ? needed : usual.With(workers);
        if (expected is { } need && time > (_interruption is not null ? need : need * Patience))
        {
            // Within a burst the first ones may be slow too, as those of a scheduler that has just started are.
            if (!isBurst || _excess.Time == TimeSpan.Zero || _interruption is not null)
            {
                Settle();
                _excess.Use = _interruption ?? TimeUse.Stalled;
                _burstEnds = _now + (LongestBurst * _time.TimestampFrequency);
            }

            _excess.Time += time - need;
            Learn();
            return need;
        }

        if (isBurst && !(time >= needed / 2))
        {
            TimeSpan drawn = Shortest(needed - time ?? TimeSpan.Zero, _excess.Time);
            _excess.Time -= drawn;
            return time + drawn;
        }

        Learn();
        return time;

        void Learn()
        {
            if (_interruption is null)
            {
                usual.Learn(workers, time);
            }
        }
    }

    private void Settle()
    {
        _booked.Add(_excess.Use, _excess.Time);
        _excess = default;
    }

    private void BookDoubtful()
    {
        _booked.Add(_doubtful.Use, _doubtful.Time);
        _doubtful = default;
    }

    private static TimeSpan Shortest(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Longest(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
