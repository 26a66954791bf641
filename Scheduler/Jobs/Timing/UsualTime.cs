namespace Lockstep.Scheduler.Jobs.Timing;

/// <summary>How long a piece of work usually takes: the median of the newest ones that as many workers did.</summary>
internal sealed class UsualTime
{
    private const int Enough = 5;
    private const int Most = 15;

    private readonly Queue<TimeSpan> _newest = new();

    /// <summary>How many workers did the newest ones; 0: not known.</summary>
    private int _workers;

    /// <summary>What was usual with another number of workers; it counts until enough was seen with this one.</summary>
    private (TimeSpan Time, int Workers)? _before;

    /// <value>With the number of workers that was seen often enough last; null: none was.</value>
    public TimeSpan? Value => Known?.Time;

    /// <summary>What to expect of a number of workers: fewer of them take no longer than they would, had each as much more to do; more of them do not take longer.</summary>
    public TimeSpan? With(int workers) => Known is not { } known ? null
        : workers == 0 || known.Workers <= workers ? known.Time
        : known.Time * known.Workers / workers;

    public void Learn(int workers, TimeSpan time)
    {
        if (_workers != workers && _workers != 0)
        {
            _before = Known;
            _newest.Clear();
        }

        _workers = workers;
        _newest.Enqueue(time);
        if (_newest.Count > Most)
        {
            _newest.Dequeue();
        }
    }

    private (TimeSpan Time, int Workers)? Known => _newest.Count >= Enough ? (_newest.Order().ElementAt(_newest.Count / 2), _workers) : _before;
}
