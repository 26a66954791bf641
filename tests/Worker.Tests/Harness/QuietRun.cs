using System.Collections.Concurrent;
using Lockstep.Core.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>What a job's run is compared with: one worker, one shard, nothing happens.</summary>
internal static class QuietRun
{
    private static readonly ConcurrentDictionary<StubJob, Task<IReadOnlyList<string>>> Ledgers = [];

    public static Task<IReadOnlyList<string>> LedgerAsync(StubJob job) => Ledgers.GetOrAdd(job, RunAsync);

    private static async Task<IReadOnlyList<string>> RunAsync(StubJob job)
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(job, 1, folder.Path, new FakeTimeProvider());
        swarm.Hire("alone").Start();
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        // Two epochs, each with its evaluation; no state comes twice.
        Assert.Equal(job.TotalSteps + 2, reports.Count);
        Assert.Equal(job.TotalSteps, reports.Where(r => r.Ledger.Length > 0).Select(r => r.Ledger).Distinct().Count());
        return Ledger.Of(reports);
    }
}
