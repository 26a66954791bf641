namespace Lockstep.Scheduler.Jobs.Timing;

/// <summary>How long a piece of work usually takes: the median of the newest ones.</summary>
internal sealed class UsualTime
{
    private const int Enough = 5;
    private const int Most = 15;

    private readonly Queue<TimeSpan> _newest = new();

    /// <value>How many workers did it; 0: not known.</value>
    public int Workers { get; private set; }

    /// <value>Null: too little was seen with this number of workers.</value>
    public TimeSpan? Value => _newest.Count >= Enough ? _newest.Order().ElementAt(_newest.Count / 2) : null;

    public void Learn(int workers, TimeSpan time)
    {
        if (Workers != workers && Workers != 0)
        {
            _newest.Clear();
        }

        Workers = workers;
        _newest.Enqueue(time);
        if (_newest.Count > Most)
        {
            _newest.Dequeue();
        }
    }
}
