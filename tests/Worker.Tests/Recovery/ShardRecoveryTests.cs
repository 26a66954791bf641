using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Recovery;

/// <summary>Parameter servers die at any moment of a step; the job is taken up again, and its ledger is the quiet one's.</summary>
public sealed class ShardRecoveryTests
{
    private static readonly StubJob Job = Cases.All["everything"] with { CheckpointEvery = 3 };

    private static readonly Lazy<Task<IReadOnlyList<string>>> Quiet = new(QuietAsync);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<Moment, string> Deaths => new(
        from moment in Enum.GetValues<Moment>()
        from victims in new[] { "0", "1", "01" }
        select (moment, victims));

    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task Shards_that_die_in_a_step_cost_its_repetition_and_nothing_else(Moment moment, string victims)
    {
        using var folder = new TemporaryFolder();
        await using var run = new RecoveringRun(Job, 2, folder.Path);
        // Step 4: version 3 was cut, and on ps-0 the step follows an evaluation. Version 6 is being cut where a checkpoint is the moment.
        long step = moment is Moment.BeforeCheckpointPart or Moment.AfterCheckpointPart ? 6 : 4;
        Task death = run.Kill(victims, (now, cursor) => now == moment && cursor.Step == step && cursor.Generation == 0, whenDurable: 3);
        run.Hire("a");
        run.Hire("b");
        Task follow = run.FollowAsync();

        await death.WaitAsync(run.End);
        run.Start(victims);

        RestoredJob restored = await run.RecoverAsync();
        await follow;

        Assert.Equal(1, restored.Generation);
        Assert.NotNull(restored.Version);
        Assert.Equal(await Quiet.Value, run.Ledger());
        Assert.True(run.Reports[^1].Finished);
        // While the moment waits for its set, other workers may bring the job to its end: then nothing is left to repeat.
        Assert.True(run.Reports[^1].Cursor.Generation == 1 || restored.Version == Job.TotalSteps, $"Taken up from {restored.Version}, finished at {run.Reports[^1].Cursor}.");
        Assert.Equal([0, 1], run.Cluster.Restored.Select(r => r.Shard).Order());
        Assert.All(run.Cluster.Restored, r => Assert.Equal(new Cursor(1, restored.Version!.Value, 0), r.Cursor));
        Assert.Equal(run.Reports.Count + 1, (await File.ReadAllLinesAsync(Path.Combine(folder.Path, "reports.jsonl"), Cancellation)).Length);
        Assert.Contains(Job.TotalSteps, CheckpointSet.List(folder.Path));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    [InlineData("01")]
    public async Task Before_version_0_is_durable_the_workers_give_the_initial_values_again(string victims)
    {
        using var folder = new TemporaryFolder();
        // The first set stays on its way until the shards are dead.
        using var held = new ManualResetEventSlim();
        await using var run = new RecoveringRun(Job, 2, folder.Path, (_, what, name) =>
        {
            if (what == "create" && name.StartsWith("shard-", StringComparison.Ordinal))
            {
                held.Wait(Swarm.Patience);
            }
        });
        Task death = run.Kill(victims, (now, cursor) => now == Moment.Stepped && cursor is { Step: 1, Generation: 0 });
        run.Hire("a");
        run.Hire("b");
        Task follow = run.FollowAsync();
        await death.WaitAsync(run.End);
        run.Start(victims);

        RestoredJob restored = await run.RecoverAsync();
        held.Set();
        await follow;

        Assert.Null(restored.Version);
        Assert.Equal(await Quiet.Value, run.Ledger());
        Assert.Equal(1, run.Reports[^1].Cursor.Generation);
    }

    [Fact]
    public async Task A_worker_that_joins_at_a_shard_that_lost_the_job_does_no_harm()
    {
        using var folder = new TemporaryFolder();
        await using var run = new RecoveringRun(Job, 2, folder.Path);
        Task death = run.Kill("0", (now, cursor) => now == Moment.Stepped && cursor is { Step: 4, Generation: 0 }, whenDurable: 3);
        run.Hire("a");
        Task follow = run.FollowAsync();
        await death.WaitAsync(run.End);
        run.Start("0");

        // It opens the job as if it were new, before the scheduler has noticed.
        run.Hire("late");
        ShardStatus[] statuses;
        do
        {
            statuses = await Task.WhenAll(run.Cluster.Clients.Select(c => c.StatusAsync(StubJob.Id, run.End)));
        }
        while (!statuses[0].Hosted || statuses[0].NeedsValues);
        Assert.True(ShardRecovery.IsNeeded(statuses, before: [statuses[0] with { Incarnation = "of the process before" }, statuses[1]]));
        Assert.True(ShardRecovery.IsNeeded([statuses[0] with { Hosted = false }, statuses[1]], before: statuses));
        Assert.False(ShardRecovery.IsNeeded([statuses[1], statuses[1]], before: [statuses[1], statuses[1]]));
        RestoredJob restored = await run.RecoverAsync();
        await follow;

        Assert.Equal(3, restored.Version);
        Assert.Equal(await Quiet.Value, run.Ledger());
    }

    [Theory]
    [InlineData(4, 6, 6, 6, false)]
    [InlineData(4, 6, 5, 7, false)]
    [InlineData(4, 6, 4, 6, true)]
    public void A_shard_that_answered_before_the_others_moved_on_lost_nothing(long first, long second, long firstLater, long secondLater, bool isNeeded)
    {
        ShardStatus[] earlier = [At(first), At(second)];

        Assert.True(ShardRecovery.IsNeeded(earlier));
        Assert.Equal(isNeeded, ShardRecovery.IsNeeded([At(firstLater), At(secondLater)], null, earlier));

        static ShardStatus At(long step) => new() { Incarnation = "one", Hosted = true, Cursor = new Cursor(0, step, 0) };
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(1, 0, true)]
    [InlineData(6, 6, false)]
    [InlineData(7, 6, true)]
    public void A_shard_without_a_job_that_is_past_its_start_lost_it(long step, long start, bool isNeeded)
    {
        var there = new ShardStatus { Incarnation = "one", Hosted = true, Cursor = new Cursor(0, step, 0) };

        Assert.Equal(isNeeded, ShardRecovery.IsNeeded([there, new ShardStatus { Incarnation = "two" }], start: start));
    }

    [Fact]
    public async Task A_job_that_dies_again_and_again_goes_on_every_time()
    {
        using var folder = new TemporaryFolder();
        await using var run = new RecoveringRun(Job, 2, folder.Path);
        var deaths = System.Threading.Channels.Channel.CreateUnbounded<int>();
        var dead = new HashSet<int>();
        run.Cluster.Happened = (now, shard, cursor) =>
        {
            // Once in each generation, a step later each time, first one shard and then the other.
            int victim = -1;
            lock (dead)
            {
                if (now == Moment.Stepped && dead.Count < 6 && cursor.Step == 2 + dead.Count && dead.Add(cursor.Generation))
                {
                    victim = dead.Count % 2;
                }
            }

            if (victim >= 0)
            {
                run.Cluster.Kill(victim);
                deaths.Writer.TryWrite(victim);
            }
        };
        run.Hire("a");
        run.Hire("b");
        run.Hire("c");
        Task follow = run.FollowAsync();
        int generation = 0;
        for (int i = 0; i < 6; i++)
        {
            run.Cluster.Start(await deaths.Reader.ReadAsync(run.End));
            int next = (await run.RecoverAsync()).Generation;
            // More than one further where a set that was seen is let go of for a newer one before it is read.
            Assert.True(next > generation, $"{next} after {generation}");
            generation = next;
        }

        await follow;
        Assert.Equal(await Quiet.Value, run.Ledger());
        Assert.Equal(generation, run.Reports[^1].Cursor.Generation);
    }

    private static async Task<IReadOnlyList<string>> QuietAsync()
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 1, folder.Path, new FakeTimeProvider());
        swarm.Hire("alone").Start();
        return Ledger.Of(await swarm.WatchAsync());
    }
}
