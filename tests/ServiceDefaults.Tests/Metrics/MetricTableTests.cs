using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.ServiceDefaults.Tests.Metrics;

/// <summary>docs/telemetry.md against the code.</summary>
public sealed class MetricTableTests
{
    [Fact]
    public void The_documented_metrics_are_those_of_the_code()
    {
        using ServiceProvider services = Services();
        string[] made = [.. AllInstruments.Make(services).Select(i => $"{i.Name} | {AllInstruments.KindOf(i)} | {i.Unit} | {i.Description}").Order(StringComparer.Ordinal)];

        Assert.Equal(made, Documented());
    }

    [Fact]
    public void Names_are_unique_and_units_follow_UCUM()
    {
        using ServiceProvider services = Services();
        IReadOnlyList<Instrument> instruments = AllInstruments.Make(services);

        Assert.Equal(instruments.Count, instruments.Select(i => i.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.All(instruments, i => Assert.Matches(@"^(s|By|1|\{[a-z]+\})$", i.Unit ?? ""));
        Assert.All(instruments, i => Assert.Matches(@"^lockstep(\.[a-z][a-z0-9_]*)+$", i.Name));
        Assert.All(instruments.Where(i => i.Name.EndsWith(".duration", StringComparison.Ordinal)), i => Assert.Equal("s", i.Unit));
    }

    [Fact]
    public void Times_are_counted_in_buckets_of_seconds()
    {
        using ServiceProvider services = Services();
        Assert.All(AllInstruments.Make(services).OfType<Histogram<double>>(), histogram =>
        {
            IReadOnlyList<double>? bounds = histogram.Advice?.HistogramBucketBoundaries;
            Assert.NotNull(bounds);
            Assert.True(bounds[0] <= (histogram.Name == "lockstep.scheduler.scaling.delay" ? 0.5 : 0.001) && bounds[^1] >= 10, $"{histogram.Name} is counted in {string.Join(' ', bounds)}.");
        });
    }

    private static ServiceProvider Services()
    {
        var services = new ServiceCollection();
        services.AddLogging().AddMetrics().AddAllMetrics();
        return services.BuildServiceProvider();
    }

    /// <summary>Rows of the tables: name, kind, unit, attributes, meaning.</summary>
    private static string[] Documented() =>
    [
        .. Repository.Read("docs/telemetry.md").Split('\n')
            .Where(line => line.StartsWith("| `lockstep.", StringComparison.Ordinal))
            .Select(line => line.Trim('|', ' ').Split('|').Select(cell => cell.Trim().Trim('`')).ToArray())
            .Where(cells => cells.Length == 5)
            .Select(cells => $"{cells[0]} | {cells[1]} | {cells[2]} | {cells[4]}")
            .Order(StringComparer.Ordinal),
    ];
}
