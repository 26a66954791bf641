using System.Globalization;
using System.Text.RegularExpressions;
using Lockstep.ServiceDefaults.Tests.Otlp;

namespace Lockstep.EndToEnd.Tests.Scaling;

/// <summary>One change of the number of workers wanted.</summary>
internal sealed record ScalingChange(int Before, int Desired, string Reason)
{
    public string Direction => Desired > Before ? "up" : "down";

    /// <value>As metrics name it.</value>
    public string Kind => Reason.StartsWith("scaled to ", StringComparison.Ordinal) ? "person" : Reason == "no job wants workers" ? "idle" : "policy";
}

/// <summary>The changes as each kind of telemetry tells of them.</summary>
internal static partial class ScalingDecisions
{
    /// <summary>The spans that a collector has got, in order of time.</summary>
    public static IReadOnlyList<ScalingChange> Spans(CollectorSink sink) =>
    [
        .. sink.Spans.Where(s => s.Span.Name == "scaling" && s.Resource.Of("service.name") == "scheduler").Select(s => s.Span).OrderBy(s => s.StartTimeUnixNano)
            .Select(s => new ScalingChange(Number(s.Of("lockstep.workers.before")!), Number(s.Of("lockstep.workers.desired")!), s.Of("lockstep.reason")!)),
    ];

    /// <summary>The log records that a collector has got, in order of time.</summary>
    public static IReadOnlyList<string> Logs(CollectorSink sink) =>
        [.. sink.Logs.Select(l => l.Record).OrderBy(r => r.TimeUnixNano).Select(r => r.Body.StringValue).Where(text => LogLine().IsMatch(text))];

    /// <summary>As the log says it.</summary>
    public static string LogLineOf(ScalingChange change) => string.Create(CultureInfo.InvariantCulture, $"Workers desired: {change.Desired}. {change.Reason}");

    /// <summary>Counts by direction and kind in a scrape for Prometheus.</summary>
    public static IReadOnlyDictionary<string, int> Counts(string scrape) =>
        scrape.Split('\n').Where(line => line.StartsWith("lockstep_scheduler_scaling_decisions_total{", StringComparison.Ordinal)).ToDictionary(
            line => $"{LabelOf(line, "direction")} {LabelOf(line, "reason")}",
            line => Number(line[(line.IndexOf("} ", StringComparison.Ordinal) + 2)..].Split(' ')[0]),
            StringComparer.Ordinal);

    private static string LabelOf(string line, string name) => Label().Matches(line).Single(label => label.Groups["name"].Value == name).Groups["value"].Value;

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex("^Workers desired: [0-9]+[.] ", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LogLine();

    [GeneratedRegex("(?<name>[a-z_]+)=\"(?<value>[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Label();
}
