using System.Text.Json;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Recovery;

/// <summary>Disks that fail, and machines that go down in the middle of a write.</summary>
public sealed class CheckpointFaultTests
{
    private static readonly StubJob Job = new() { CheckpointEvery = 3, Buffers = true };

    /// <summary>Small: it is run once for every operation on the disk.</summary>
    private static readonly StubJob Short = new() { CheckpointEvery = 2, TotalSteps = 5, ValidationSamples = 0, Slots = 2 };

    private static readonly Lazy<Task<IReadOnlyList<string>>> Quiet = new(() => QuietAsync(Job));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_machine_that_goes_down_at_any_write_leaves_only_whole_sets_and_goes_on()
    {
        IReadOnlyList<string> quiet = await QuietAsync(Short);
        int last = await OperationsAsync();
        Assert.True(last > 40, $"Only {last} operations on the disk.");
        int fired = 0;
        for (int fatal = 1; fatal <= last; fatal++)
        {
            using var folder = new TemporaryFolder();
            int count = 0;
            string where = "";
            var dead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            RecoveringRun? run = null;
            await using RecoveringRun owned = run = new RecoveringRun(Short, 2, folder.Path, (shard, what, name) =>
            {
                if (!IsWhole(folder) && Interlocked.Increment(ref count) == fatal)
                {
                    where = $"operation {fatal}: {what} {name} of shard {shard}";
                    run!.Cluster.Kill(0);
                    run.Cluster.Kill(1);
                    dead.SetResult();
                }
            });
            run.Hire("a", () => Patient(folder, dead.Task));
            Task follow = run.FollowAsync();
            await Task.WhenAny(dead.Task, follow);
            if (dead.Task.IsCompleted)
            {
                fired++;
                Assert.All(CheckpointSet.List(folder.Path), version => Assert.Equal(version, CheckpointSet.Read(folder.Path, version).Version));
                run.Start("01");
                await run.RecoverAsync();
            }

            await follow;
            Assert.True(quiet.SequenceEqual(run.Ledger()), $"{where}:\n{string.Join('\n', quiet)}\nbut\n{string.Join('\n', run.Ledger())}");
            Assert.Equal(Short.TotalSteps, CheckpointSet.Read(folder.Path, Short.TotalSteps).Version);
        }

        // In what order the shards write is theirs to choose; nearly every place must have come up.
        Assert.True(fired > last / 2, $"Only {fired} of {last} deaths happened.");

        async Task<int> OperationsAsync()
        {
            using var folder = new TemporaryFolder();
            int count = 0;
            await using var run = new RecoveringRun(Short, 2, folder.Path, (_, _, _) =>
            {
                if (!IsWhole(folder))
                {
                    Interlocked.Increment(ref count);
                }
            });
            run.Hire("a", () => Patient(folder, new TaskCompletionSource().Task));
            await run.FollowAsync();
            return count;
        }

        // Two sets are looked at, those of versions 0 and 2.
        static bool IsWhole(TemporaryFolder folder) => CheckpointSet.List(folder.Path).Contains(2);

        static StubTrainer Patient(TemporaryFolder folder, Task dead) => new(Short, (step, _) => Assert.True(step != 3 || SpinWait.SpinUntil(() => dead.IsCompleted || IsWhole(folder), Swarm.Patience)));
    }

    [Theory]
    [InlineData("shard-0-", false)]
    [InlineData("shard-1-", false)]
    [InlineData("shard-", true)]
    [InlineData("set.json", false)]
    public async Task A_disk_that_takes_no_checkpoint_stops_nothing_and_is_told_of(string file, bool isReadOnly)
    {
        using var folder = new TemporaryFolder();
        bool full = false;
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var run = new RecoveringRun(Job, 2, folder.Path, (_, what, name) =>
        {
            if (Volatile.Read(ref full) && what == "write" && name.StartsWith(file, StringComparison.Ordinal))
            {
                failed.TrySetResult();
                throw isReadOnly ? new UnauthorizedAccessException("The file system is read-only.") : new IOException("No space left on device.");
            }
        });
        // Version 0 gets through, version 3 does not, and from version 6 on there is room again.
        run.Hire("a", () => new StubTrainer(Job, (step, _) =>
        {
            if (step == 2)
            {
                Assert.True(SpinWait.SpinUntil(() => CheckpointSet.List(folder.Path).Contains(0), Swarm.Patience));
                Volatile.Write(ref full, true);
            }
            else if (step == 5)
            {
                Assert.True(failed.Task.Wait(Swarm.Patience, Cancellation));
                Volatile.Write(ref full, false);
            }
        }));
        await run.FollowAsync();

        Assert.Equal(await Quiet.Value, run.Ledger());
        // Each shard's failure is told with the report that comes next.
        string[] told = [.. run.Reports.Select(r => r.CheckpointFailure).Where(failure => failure.Length > 0)];
        Assert.InRange(told.Length, 1, file == "shard-" ? 2 : 1);
        Assert.All(told, failure => Assert.StartsWith("version 3", failure, StringComparison.Ordinal));
        Assert.All(told, failure => Assert.Contains(isReadOnly ? "read-only" : "No space left", failure, StringComparison.Ordinal));
        Assert.Equal([0, 6, 8], CheckpointSet.List(folder.Path));
        Assert.All(CheckpointSet.List(folder.Path), version => Assert.Equal(version, CheckpointSet.Read(folder.Path, version).Version));
        Assert.Empty(Directory.EnumerateFiles(folder.Path, "*.tmp", SearchOption.AllDirectories));
        // What never became whole is swept with the next whole set.
        Assert.False(Directory.Exists(CheckpointSet.DirectoryOf(folder.Path, 3)));
        Assert.Equal((8, true), (run.Reports[^1].DurableVersion, run.Reports[^1].Finished));
    }

    [Fact]
    public async Task Reports_that_the_disk_did_not_take_are_written_later()
    {
        using var folder = new TemporaryFolder();
        int refused = 0;
        await using var run = new RecoveringRun(Job, 2, folder.Path, (_, what, name) =>
        {
            // Some lines break off in the middle.
            if (what == "write" && name == "reports.jsonl" && Interlocked.Increment(ref refused) is 3 or 4 or 7)
            {
                throw new IOException("No space left on device.");
            }
        });
        run.Hire("a");
        await run.FollowAsync();

        Assert.True(refused > 7, "The disk refused nothing.");
        Assert.Equal(await Quiet.Value, run.Ledger());
        string[] lines = await File.ReadAllLinesAsync(Path.Combine(folder.Path, "reports.jsonl"), Cancellation);
        Assert.Equal(run.Reports.Select(r => r.Cursor), lines.Skip(1).Select(line => StepReport.FromJson(System.Text.Encoding.UTF8.GetBytes(line)).Cursor));
    }

    [Fact]
    public async Task The_final_checkpoint_is_tried_until_it_is_written()
    {
        using var folder = new TemporaryFolder();
        int left = 2;
        string? told = null;
        RecoveringRun? run = null;
        await using RecoveringRun owned = run = new RecoveringRun(Job with { CheckpointEvery = 0 }, 1, folder.Path, (_, what, name) =>
        {
            if (what == "create" && name.StartsWith("shard-", StringComparison.Ordinal) && left == 0)
            {
                // It was refused before, and is tried again.
                told = run!.Cluster.Clients[0].StatusAsync(run.Job.Descriptor.JobId, Cancellation).GetAwaiter().GetResult().FinalCheckpointFailure;
            }

            if (what == "create" && name.StartsWith("shard-", StringComparison.Ordinal) && CheckpointSet.List(folder.Path).Count > 0 && Interlocked.Decrement(ref left) >= 0)
            {
                throw new IOException("No space left on device.");
            }
        });
        run.Hire("a", () => new StubTrainer(Job, (step, _) => Assert.True(step < 7 || SpinWait.SpinUntil(() => CheckpointSet.List(folder.Path).Contains(0), Swarm.Patience))));
        await run.FollowAsync();

        Assert.True(left < 0, "The disk refused nothing.");
        Assert.Equal(await Quiet.Value, run.Ledger());
        Assert.Equal([0, 8], CheckpointSet.List(folder.Path));
        Assert.Equal("No space left on device.", told);
        Assert.Null((await run.Cluster.Clients[0].StatusAsync(run.Job.Descriptor.JobId, Cancellation)).FinalCheckpointFailure);
        // Neither training nor evaluating took that time. A little less, as clocks are read one after the other.
        Assert.True(run.Reports[^1].CheckpointBlockedMs >= 160, string.Join(' ', run.Reports.Select(r => r.CheckpointBlockedMs)));
    }

    [Fact]
    public async Task A_slow_disk_is_told_of_as_time_that_training_was_held_up_and_as_time_of_writing()
    {
        using var folder = new TemporaryFolder();
        var next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // Far longer than a busy machine halts a thread.
        TimeSpan slow = TimeSpan.FromSeconds(1);
        await using var run = new RecoveringRun(Job, 1, folder.Path, (_, what, name) =>
        {
            // Version 3 is not written before version 6 is there, and then it takes its time.
            if (what == "create" && name.StartsWith("shard-", StringComparison.Ordinal) && CheckpointSet.List(folder.Path).Contains(0) && !CheckpointSet.List(folder.Path).Contains(3))
            {
                Assert.True(next.Task.Wait(Swarm.Patience));
                Task.Delay(slow).Wait();
            }
        });
        run.Cluster.Happened = (moment, _, cursor) =>
        {
            if (moment == Moment.Stepped && cursor.Step == 5)
            {
                next.TrySetResult();
            }
        };
        run.Hire("a", () => new StubTrainer(Job, (step, _) => Assert.True(step != 2 || SpinWait.SpinUntil(() => CheckpointSet.List(folder.Path).Contains(0), Swarm.Patience))));
        await run.FollowAsync();

        Assert.Equal(await Quiet.Value, run.Ledger());
        // A little less, as clocks are read one after the other.
        double least = slow.TotalMilliseconds * 0.8;
        Assert.True(run.Reports.Single(r => r.Cursor.Step == 6 && r.Cursor.Attempt >= 0).CheckpointBlockedMs >= least, string.Join(' ', run.Reports.Select(r => r.CheckpointBlockedMs)));
        Assert.True(run.Reports.Max(r => r.CheckpointWriteMs) >= least, string.Join(' ', run.Reports.Select(r => r.CheckpointWriteMs)));
        Assert.True(run.Reports.Where(r => r.Cursor.Step < 5).All(r => r.CheckpointBlockedMs < least), "Training waited for nothing.");
    }

    [Fact]
    public async Task A_damaged_set_is_passed_over_for_an_older_one()
    {
        using var folder = new TemporaryFolder();
        await using var run = new RecoveringRun(Job, 2, folder.Path);
        Task death = run.Kill("1", (moment, cursor) => moment == Moment.BeforeAnnounce && cursor is { Step: 6, Generation: 0 }, whenDurable: 6);
        run.Hire("a");
        Task follow = run.FollowAsync();
        await death.WaitAsync(run.End);
        string part = Path.Combine(CheckpointSet.DirectoryOf(folder.Path, 6), CheckpointPart.FileName(1, 2));
        byte[] bytes = await File.ReadAllBytesAsync(part, Cancellation);
        bytes[^9] ^= 1;
        await File.WriteAllBytesAsync(part, bytes, Cancellation);
        run.Start("1");

        RestoredJob restored = await run.RecoverAsync();
        await follow;

        Assert.Equal((3L, 2), (restored.Version, restored.Generation));
        Assert.Equal([6], restored.Damaged);
        Assert.Equal(await Quiet.Value, run.Ledger());
    }

    [Fact]
    public async Task A_torn_last_report_is_done_again()
    {
        using var folder = new TemporaryFolder();
        await using var run = new RecoveringRun(Job, 2, folder.Path);
        Task death = run.Kill("0", (moment, cursor) => moment == Moment.Stepped && cursor is { Step: 4, Generation: 0 }, whenDurable: 3);
        run.Hire("a");
        Task follow = run.FollowAsync();
        await death.WaitAsync(run.End);
        await File.AppendAllTextAsync(Path.Combine(folder.Path, "reports.jsonl"), "{\"Cursor\":{\"Gen", Cancellation);
        run.Start("0");
        await run.RecoverAsync();
        await follow;

        Assert.Equal(await Quiet.Value, run.Ledger());
        string[] lines = await File.ReadAllLinesAsync(Path.Combine(folder.Path, "reports.jsonl"), Cancellation);
        Assert.All(lines, line => JsonDocument.Parse(line).Dispose());
        Assert.Equal(run.Reports.Count + 1, lines.Length);
    }

    [Fact]
    public async Task A_repeated_step_that_gives_another_line_is_an_alarm()
    {
        using var folder = new TemporaryFolder();
        await using var run = new RecoveringRun(Job, 2, folder.Path);
        bool drifts = false;
        Task death = run.Kill("1", (moment, cursor) => moment == Moment.AfterAnnounce && cursor is { Step: 4, Generation: 0 }, whenDurable: 3);
        run.Hire("a", () => new DriftingTrainer(Job, () => Volatile.Read(ref drifts)));
        Task follow = run.FollowAsync();
        await death.WaitAsync(run.End);
        Volatile.Write(ref drifts, true);
        run.Start("1");
        await run.RecoverAsync();
        await follow;

        IReadOnlyList<StepReport> repeated = [.. run.Reports.Where(r => r.Cursor is { Generation: 1, Attempt: >= 0, Step: 3 or 4 })];
        Assert.Equal([3, 4], repeated.Select(r => r.Cursor.Step));
        Assert.All(repeated, r => Assert.Equal(run.Reports.First(f => f.Cursor.Step == r.Cursor.Step && f.Cursor.Attempt >= 0).Ledger, r.FirstLedger));
        Assert.All(repeated, r => Assert.NotEqual(r.FirstLedger, r.Ledger));
        Assert.Equal(run.Reports.Count(r => r.FirstLedger.Length > 0), run.Cluster.LedgerAlarms);
    }

    private static async Task<IReadOnlyList<string>> QuietAsync(StubJob job)
    {
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(job, 1, folder.Path, new FakeTimeProvider());
        swarm.Hire("alone").Start();
        return Ledger.Of(await swarm.WatchAsync());
    }

    /// <summary>A model that is not deterministic: from some time on it computes something else.</summary>
    private sealed class DriftingTrainer(StubJob job, Func<bool> drifts) : StubTrainer(job)
    {
        protected override SlotResult Compute(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
        {
            SlotResult result = base.Compute(step, slot, sampleIds, stepSampleCount, gradient);
            gradient[0] += drifts() ? 0.01f : 0;
            return result;
        }
    }
}
