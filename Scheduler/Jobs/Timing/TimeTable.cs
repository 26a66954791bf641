using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;

namespace Lockstep.Scheduler.Jobs.Timing;

/// <summary>Time by what it went to.</summary>
internal sealed class TimeTable
{
    private readonly Dictionary<TimeUse, TimeSpan> _times = [];

    public IReadOnlyDictionary<TimeUse, TimeSpan> Times => _times;

    public TimeSpan Sum => _times.Values.Aggregate(TimeSpan.Zero, (sum, time) => sum + time);

    public void Add(TimeUse use, TimeSpan time)
    {
        if (time != TimeSpan.Zero)
        {
            _times[use] = _times.GetValueOrDefault(use) + time;
        }
    }

    public void Add(TimeTable other)
    {
        foreach ((TimeUse use, TimeSpan time) in other._times)
        {
            Add(use, time);
        }
    }

    /// <summary>What this has beyond another one.</summary>
    public TimeTable Since(TimeTable before)
    {
        var since = new TimeTable();
        foreach (TimeUse use in _times.Keys.Union(before._times.Keys))
        {
            since.Add(use, _times.GetValueOrDefault(use) - before._times.GetValueOrDefault(use));
        }

        return since;
    }

    /// <summary>As records hold it: seconds by word.</summary>
    public Dictionary<string, double> ToSeconds() => _times.Where(t => t.Value.Duration() >= TimeSpan.FromMicroseconds(1)).ToDictionary(t => JobWords.Of(t.Key), t => Math.Round(t.Value.TotalSeconds, 6), StringComparer.Ordinal);

    /// <summary>Takes the time of a record.</summary>
    /// <param name="lost">The run goes back behind it: its work will be done again.</param>
    public void Add(RunRecord record, bool lost)
    {
        if (record.Time is null)
        {
            return;
        }

        foreach ((string word, double seconds) in record.Time)
        {
            TimeUse use = JobWords.Parse<TimeUse>(word);
            Add(lost && use is (TimeUse.Training or TimeUse.Evaluating) ? TimeUse.Repeating : use, TimeSpan.FromSeconds(seconds));
        }
    }
}
