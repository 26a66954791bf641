using System.Globalization;

namespace Lockstep.Overhead;

/// <summary>By process, milliseconds of CPU a step, or a second, without and with what is measured.</summary>
internal sealed record CpuPair(IReadOnlyDictionary<string, double> Off, IReadOnlyDictionary<string, double> On)
{
    public double Ratio => On.Values.Sum() / Off.Values.Sum();

    public string Row(int number) => string.Create(CultureInfo.InvariantCulture, $"| {number} | {Off.Values.Sum():0.000} | {On.Values.Sum():0.000} | {Ratio:0.000} |");

    /// <summary>The mean of all pairs, with its standard error, and the means by process.</summary>
    public static IEnumerable<string> Summarize(IReadOnlyList<CpuPair> pairs)
    {
        // Ratios multiply: their logarithms have a mean and a standard error.
        double[] logs = [.. pairs.Select(pair => Math.Log(pair.Ratio))];
        double mean = logs.Average();
        double error = Math.Sqrt(logs.Sum(log => (log - mean) * (log - mean)) / Math.Max(1, logs.Length - 1) / logs.Length);
        yield return string.Create(CultureInfo.InvariantCulture, $"| geometric mean | | | {Math.Exp(mean):0.000} ± {error:0.000} |");
        foreach (string line in ByProcess(pairs, "step"))
        {
            yield return line;
        }
    }

    /// <summary>The means by process.</summary>
    /// <param name="unit">Of what the milliseconds are.</param>
    public static IEnumerable<string> ByProcess(IReadOnlyList<CpuPair> pairs, string unit)
    {
        yield return "";
        yield return $"| process | off, ms of CPU a {unit} | on, ms of CPU a {unit} | on - off |";
        yield return "|---|---|---|---|";
        foreach (string process in pairs[0].Off.Keys)
        {
            (double off, double on) = (pairs.Average(pair => pair.Off[process]), pairs.Average(pair => pair.On[process]));
            yield return string.Create(CultureInfo.InvariantCulture, $"| {process} | {off:0.000} | {on:0.000} | {on - off:0.000} |");
        }
    }
}
