using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lockstep.ServiceDefaults.Tests.Metrics;

/// <summary>The Grafana dashboard against what a service exports to Prometheus.</summary>
public sealed partial class DashboardTests
{
    [Fact]
    public async Task Every_query_names_metrics_that_are_exported()
    {
        await using TestService service = await TestService.StartAsync(TestContext.Current.CancellationToken);
        AllInstruments.Measure(service.Services, AllInstruments.Make(service.Services));
        string scraped = await service.GetAsync("/metrics", TestContext.Current.CancellationToken);
        string[] exported = [.. Sample().Matches(scraped).Select(m => m.Value).Distinct(StringComparer.Ordinal)];

        string[] queries = [.. Queries()];
        Assert.NotEmpty(queries);
        string[] unknown = [.. queries.SelectMany(q => Name().Matches(Labels().Replace(q, ""))).Select(m => m.Value).Distinct(StringComparer.Ordinal).Except(exported, StringComparer.Ordinal)];
        Assert.True(unknown.Length == 0, $"The dashboard asks for {string.Join(", ", unknown)}, of which nothing is exported. There are: {string.Join(", ", exported)}");
    }

    [Fact]
    public void Every_metric_of_ours_is_on_the_dashboard_or_said_not_to_be()
    {
        // What belongs to a question that the dashboard does not ask: a detail to look up in the explorer.
        string[] details = ["lockstep_worker_evaluate", "lockstep_worker_agreement", "lockstep_worker_groups_again", "lockstep_worker_version_wait", "lockstep_worker_load", "lockstep_worker_sync", "lockstep_worker_pushes", "lockstep_worker_slots", "lockstep_worker_samples", "lockstep_shard_steps", "lockstep_shard_range_unused", "lockstep_shard_restore", "lockstep_shard_ledger", "lockstep_shard_checkpoint_failures", "lockstep_scheduler_jobs", "lockstep_sync_duration"];
        string all = string.Join('\n', Queries());
        string[] missing =
        [
            .. Repository.Read("docs/telemetry.md").Split('\n').Where(l => l.StartsWith("| `lockstep.", StringComparison.Ordinal))
                .Select(l => l.Split('`')[1].Replace('.', '_'))
                .Where(name => !all.Contains(name, StringComparison.Ordinal) && !details.Any(d => name.StartsWith(d, StringComparison.Ordinal))),
        ];
        Assert.Empty(missing);
    }

    private static IEnumerable<string> Queries()
    {
        using JsonDocument dashboard = JsonDocument.Parse(Repository.Read("docs/grafana/lockstep.json"));
        return [.. Expressions(dashboard.RootElement)];
    }

    private static IEnumerable<string> Expressions(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.Name == "expr" ? [p.Value.GetString()!] : Expressions(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Expressions),
        _ => [],
    };

    [GeneratedRegex(@"^[a-z][a-z0-9_]*(?=[{\s])", RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Sample();

    /// <summary>What stands in by (…) and {…}.</summary>
    [GeneratedRegex(@"by \([^)]*\)|\{[^}]*\}", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Labels();

    [GeneratedRegex(@"\b(?:lockstep|dotnet|kestrel|http)_[a-z0-9_]+\b", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Name();
}
