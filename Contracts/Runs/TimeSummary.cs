using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Runs;

/// <summary>What the wall time of a run went to. Goodput and badput add up to the elapsed time.</summary>
/// <param name="ElapsedSeconds">From the job's submission to its end; that of a resumed run is added to what was before.</param>
/// <param name="GoodputSeconds">Training and evaluating.</param>
/// <param name="BadputSeconds">By the word of each other <see cref="TimeUse"/>, those that took any time.</param>
/// <param name="Goodput">Of the elapsed time, 0 to 1.</param>
public sealed record TimeSummary(double ElapsedSeconds, double GoodputSeconds, IReadOnlyDictionary<string, double> BadputSeconds, double Goodput)
{
    public static TimeSummary Of(TimeSpan elapsed, IReadOnlyDictionary<TimeUse, TimeSpan> uses)
    {
        double good = uses.Where(u => IsGood(u.Key)).Sum(u => u.Value.TotalSeconds);
        return new(
            Math.Round(elapsed.TotalSeconds, 3),
            Math.Round(good, 3),
            uses.Where(u => !IsGood(u.Key) && u.Value >= TimeSpan.FromMilliseconds(1)).OrderBy(u => u.Key).ToDictionary(u => JobWords.Of(u.Key), u => Math.Round(u.Value.TotalSeconds, 3), StringComparer.Ordinal),
            Math.Round(good / Math.Max(elapsed.TotalSeconds, 1e-9), 4));
    }

    private static bool IsGood(TimeUse use) => use is TimeUse.Training or TimeUse.Evaluating;
}
