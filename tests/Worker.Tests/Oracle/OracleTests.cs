using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>
/// One ledger a job, whatever the number of workers and shards and whatever the delays of messages. The workers start behind a barrier, and are all there when the second step is divided: a run in which not each of them (up to M) contributed fails.
/// </summary>
public sealed class OracleTests
{
    private const int M = 6;

    public static TheoryData<int, int> Sizes => new(from workers in new[] { 1, 2, 3, 5, M, M + 3 } from shards in new[] { 1, 2, 3 } select (workers, shards));

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Every_job_has_one_ledger(int workers, int shards)
    {
        foreach ((string name, StubJob job) in Cases.All)
        {
            using var folder = new TemporaryFolder();
            await using var swarm = new Swarm(job, shards, folder.Path, new FakeTimeProvider());
            IReadOnlyList<StepReport> reports = await RunAsync(swarm, job, workers, name.Length + (10 * workers) + shards, barrierStep: 1);
            Ledger.Equal(name, await QuietRun.LedgerAsync(job), Ledger.Of(reports));
            CheckContributors(name, reports, workers, step: 1);
            if (job.SpikeStep >= 0)
            {
                Assert.True(reports.Single(r => r.Cursor.Step == job.SpikeStep && r.Cursor.Attempt >= 0).EscapedBlocks > 0, $"{name}: no block exceeded its range.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_run_that_is_resumed_goes_on_with_the_same_ledger_on_any_number_of_shards(int workers, int shards)
    {
        foreach (string name in new[] { "everything", "everything in half", "momentum" })
        {
            StubJob job = Cases.All[name] with { CheckpointEvery = 3 };
            using var folder = new TemporaryFolder();
            IReadOnlyList<string> before;
            await using (var first = new Swarm(job, shards, folder.Path, new FakeTimeProvider()))
            {
                before = Ledger.Of(await RunAsync(first, job, workers, seed: workers, barrierStep: 1, isEnough: r => r.Cursor.Step == 5));
                // Checkpoints are written beside the training.
                while (!CheckpointSet.List(folder.Path).Contains(3))
                {
                    await Task.Delay(1, first.End);
                }
            }

            // Of the set of version 6 some parts may be there: it does not count.
            const long from = 3;
            Assert.Contains(from, CheckpointSet.List(folder.Path));
            IReadOnlyList<string> quiet = await QuietRun.LedgerAsync(Cases.All[name]);
            foreach (int others in new[] { 1, 2, 3 })
            {
                await using var second = new Swarm(job, others, folder.Path, new FakeTimeProvider(), resume: from);
                IReadOnlyList<StepReport> reports = await RunAsync(second, job, workers, seed: others, barrierStep: from + 1);
                CheckContributors(name, reports, workers, from + 1);
                Ledger.Equal($"{name} from {shards} to {others} shards", quiet.SkipWhile(line => !line.StartsWith($"{from} ", StringComparison.Ordinal)), Ledger.Of(reports));
                Ledger.Equal($"{name} before", quiet.Take(before.Count), before);
                Directory.Delete(CheckpointSet.DirectoryOf(folder.Path, job.TotalSteps), recursive: true);
            }
        }
    }

    private static async Task<IReadOnlyList<StepReport>> RunAsync(Swarm swarm, StubJob job, int workers, int seed, long barrierStep, Func<StepReport, bool>? isEnough = null)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Each worker has the version before this step: then each has slots of it.
        using var muster = new Muster(workers, barrierStep - 1, swarm.End);
        Member[] members = [.. Enumerable.Range(0, workers).Select(w => swarm.Hire($"w{w}", new DelayingWire((seed * 100) + w, muster.Sent), _ => new StubTrainer(job, muster.Hold)).Start(start.Task))];
        start.SetResult();
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync(isEnough);
        if (isEnough is null)
        {
            Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);
        }

        return reports;
    }

    private static void CheckContributors(string name, IReadOnlyList<StepReport> reports, int workers, long step)
    {
        IReadOnlyList<string> owners = reports.Single(r => r.Cursor.Step == step && r.Cursor.Attempt >= 0).SlotWorkers;
        Assert.True(owners.Distinct().Count() == Math.Min(workers, M), $"{name}: only {string.Join(' ', owners)} contributed to step {step}.");
    }
}
