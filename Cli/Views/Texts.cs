using System.Globalization;
using Lockstep.Contracts.Runs;

namespace Lockstep.Cli.Views;

/// <summary>How numbers are written for people.</summary>
internal static class Texts
{
    public static string Of(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    public static string Of(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    public static string Count(double value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    public static string Of(Percentiles ms) => string.Create(CultureInfo.InvariantCulture, $"{ms.P50:0.0} / {ms.P95:0.0} ms");

    public static string Of(TimeSummary? time) => time is null
        ? "unknown"
        : string.Create(CultureInfo.InvariantCulture, $"{time.Goodput * 100:0}% of {Of(time.ElapsedSeconds)} s") + string.Concat(time.BadputSeconds.Select(b => $", {b.Key} {Of(b.Value)} s"));

    public static string Of(EvaluationRecord evaluation) => $"validation {Of(evaluation.Validation)}" + (evaluation.Best is { } best && best.Step == evaluation.Step ? ", the best so far" : "");

    public static string Of(IReadOnlyDictionary<string, double> metrics) => metrics.Count == 0 ? "none" : string.Join("  ", metrics.Select(m => $"{m.Key} {Of(m.Value)}"));
}
