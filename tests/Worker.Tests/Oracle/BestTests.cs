using Lockstep.Contracts.Jobs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Recovery;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>Which version is the best, and at which one a job ends, does not depend on who takes part, nor on who dies.</summary>
public sealed class BestTests
{
    /// <summary>Four steps an epoch. What is measured falls, so that by the most of it the first evaluated version is the best.</summary>
    private static readonly StubJob Job = Cases.All["everything"] with
    {
        TotalSteps = 60,
        CheckpointEvery = 3,
        CheckpointKeep = 1,
        Best = new BestPlan(new BestSpec { Metric = "mae", Mode = BestMode.Max, Patience = 3, MinDelta = 1e-3 }, LossKind.Mse, [MetricKind.Mae], 1),
    };

    private static readonly Lazy<Task<Ending>> Quiet = new(() => RunAsync(1, 1));

    public static TheoryData<int, int> Fleets => new(from workers in new[] { 1, 2, 3, Job.Slots + 1 } from shards in new[] { 1, 2 } select (workers, shards));

    public static TheoryData<Moment, string, int> Deaths => new(
        from moment in new[] { Moment.Evaluation, Moment.Stepped, Moment.BeforeAnnounce, Moment.AfterAnnounce, Moment.BeforeCheckpointPart, Moment.AfterCheckpointPart }
        from victims in new[] { "0", "1", "01" }
        // The version after the best one, and that at which the job ends.
        from which in new[] { 1, 2 }
        select (moment, victims, which));

    /// <summary>What a run came to.</summary>
    private sealed record Ending(IReadOnlyList<string> Lines, long Last, BestState Best);

    [Theory]
    [MemberData(nameof(Fleets))]
    public async Task It_ends_at_the_same_version_with_the_same_best_one_at_any_number_of_workers(int workers, int shards)
    {
        Ending quiet = await Quiet.Value;
        Assert.InRange(quiet.Last, 12, Job.TotalSteps - 1);
        Assert.True(quiet.Best.Version < quiet.Last && quiet.Best.Waited == 3, quiet.ToString());

        AssertEqual(quiet, await RunAsync(workers, shards));
    }

    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task It_ends_so_however_shards_die(Moment moment, string victims, int which)
    {
        Ending quiet = await Quiet.Value;
        long version = which == 1 ? quiet.Best.Version!.Value + 4 : quiet.Last;
        // A step leads to the version.
        long step = moment is Moment.Stepped or Moment.BeforeAnnounce or Moment.AfterAnnounce ? version - 1 : version;
        using var folder = new TemporaryFolder();
        await using var run = new RecoveringRun(Job, 2, folder.Path);
        Task death = run.Kill(victims, (now, cursor) => now == moment && cursor.Step == step && cursor.Generation == 0, whenDurable: moment is Moment.Evaluation ? null : step - (step % 4 == 3 ? 3 : 4));
        run.Hire("a");
        run.Hire("b");
        Task follow = run.FollowAsync();

        await await Task.WhenAny(death, follow);
        Assert.True(death.IsCompleted, $"Nobody died, and the job ended. Quiet: {quiet}; step {step}; sets {string.Join(' ', CheckpointSet.List(folder.Path))}.");
        run.Start(victims);
        RestoredJob restored = await run.RecoverAsync();
        await follow;

        // More than one further where a set that was seen is let go of for a newer one before it is read.
        Assert.True(restored.Generation >= 1, restored.ToString());
        Assert.Empty(restored.Damaged);
        AssertEqual(quiet, Of(run.Ledger(), run.Reports, folder.Path));
    }

    [Fact]
    public async Task A_run_that_is_resumed_ends_where_it_would_have()
    {
        Ending quiet = await Quiet.Value;
        using var folder = new TemporaryFolder();
        StubJob job = Job with { CheckpointKeep = 100 };
        // Stopped by hand one epoch after the best version, of which patience has counted one evaluation.
        long at = quiet.Best.Version!.Value + 4;
        await using (var swarm = new Swarm(job, 2, folder.Path, new FakeTimeProvider()))
        {
            swarm.Hire("first").Start();
            await swarm.WatchAsync(report => report.DurableVersion >= at);
        }

        long from = CheckpointSet.List(folder.Path).Last(version => version <= quiet.Last - 1);
        Assert.NotEqual(BestState.None, CheckpointSet.BestOf(folder.Path, from));
        await using var resumed = new Swarm(job, 1, folder.Path, new FakeTimeProvider(), from);
        resumed.Hire("second").Start();
        Ending ending = Of([], await resumed.WatchAsync(), folder.Path);

        Assert.Equal((quiet.Last, quiet.Best), (ending.Last, ending.Best));
        IReadOnlyList<StepReport> reports = await resumed.WatchAsync();
        Assert.Equal(quiet.Lines.Where(line => !line.Contains("evaluation", StringComparison.Ordinal)).Skip((int)from), Ledger.Of(reports.Where(r => r.Ledger.Length > 0)));
    }

    [Fact]
    public async Task Without_patience_the_job_goes_on_and_the_best_is_kept_all_the_same()
    {
        StubJob job = Job with { TotalSteps = 24, Best = Job.Best! with { Rule = Job.Best!.Rule with { Patience = null } } };
        Ending ending = await RunAsync(2, 2, job);
        Assert.Equal(24, ending.Last);
        Assert.NotNull(ending.Best.Version);
    }

    [Fact]
    public async Task What_is_best_is_in_the_ledger()
    {
        Ending quiet = await Quiet.Value;
        Ending without = await RunAsync(1, 1, Job with { Best = null, TotalSteps = quiet.Last });
        Ending other = await RunAsync(1, 1, Job with { Best = Job.Best! with { Rule = Job.Best!.Rule with { Mode = BestMode.Min, Patience = null } }, TotalSteps = quiet.Last });
        string[] hashes = Hashes(quiet), others = Hashes(other);
        // The same state but for that: before the first evaluation it is alike in both, and never where nothing is kept.
        Assert.Equal(hashes[..4], others[..4]);
        Assert.All(hashes.Zip(others).Skip(12), pair => Assert.NotEqual(pair.First, pair.Second));
        Assert.All(hashes.Zip(Hashes(without)), pair => Assert.NotEqual(pair.First, pair.Second));

        static string[] Hashes(Ending ending) => [.. ending.Lines.Where(line => !line.Contains("evaluation", StringComparison.Ordinal)).Select(line => line.Split(' ')[1])];
    }

    private static void AssertEqual(Ending expected, Ending actual)
    {
        Ledger.Equal("ledger", expected.Lines, actual.Lines);
        Assert.Equal((expected.Last, expected.Best), (actual.Last, actual.Best));
    }

    private static async Task<Ending> RunAsync(int workers, int shards, StubJob? job = null)
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(job ?? Job, shards, folder.Path, new FakeTimeProvider());
        using var muster = new Muster(workers, 2, swarm.End);
        Member[] members = [.. Enumerable.Range(0, workers).Select(w => swarm.Hire($"w{w}", new DelayingWire(w, muster.Sent), stub => new StubTrainer(stub, muster.Hold)).Start())];
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);
        return Of(Ledger.Of(reports), reports, folder.Path);
    }

    /// <summary>Both sets are there, however few are kept.</summary>
    private static Ending Of(IReadOnlyList<string> lines, IReadOnlyList<StepReport> reports, string checkpoints)
    {
        StepReport last = reports[^1];
        Assert.True(last.Finished);
        Assert.Contains(last.Version, CheckpointSet.List(checkpoints));
        if (last.Best?.Version is { } best)
        {
            Assert.Equal(best, CheckpointSet.Read(checkpoints, best).Version);
        }

        return new Ending(lines, last.Version, last.Best ?? BestState.None);
    }
}
