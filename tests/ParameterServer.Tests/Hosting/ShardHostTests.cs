using Lockstep.Contracts.Jobs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests;
using Lockstep.Core.Tests.Checkpoints;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Hosting;

namespace Lockstep.ParameterServer.Tests.Hosting;

public sealed class ShardHostTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_that_does_not_fit_is_refused_with_the_sizes()
    {
        await using var cluster = new HostedCluster(1, memoryLimit: 6 << 20);
        JobDescriptor large = Job(1) with { Tensors = [new TensorSpec("t", TensorKind.Parameter, [1024, 256])] };
        await cluster.OpenAsync(Job(1) with { JobId = "small" });

        // Adam: values twice, two arrays of state, sums, what escapes them and a version in flight, 1 MiB each.
        string message = await RefusedAsync(ProtocolError.TooLarge, () => cluster.OpenAsync(large));
        Assert.Equal("Job job needs 7.0 MiB on shard 0, which has 6.0 MiB left of 6.0 MiB. Use more shards, or give the parameter servers more memory.", message);

        // Plain SGD has no state.
        await cluster.OpenAsync(large with { JobId = "first", Optimizer = new OptimizerSpec { Kind = OptimizerKind.Sgd } });
        message = await RefusedAsync(ProtocolError.TooLarge, () => cluster.OpenAsync(large with { Optimizer = new OptimizerSpec { Kind = OptimizerKind.Sgd } }));
        Assert.Contains("needs 5.0 MiB on shard 0, which has 1.0 MiB left of 6.0 MiB", message, StringComparison.Ordinal);
        await cluster.Hosts[0].CloseAsync("first", Cancellation);
        await cluster.OpenAsync(large with { Optimizer = new OptimizerSpec { Kind = OptimizerKind.Sgd } });
    }

    [Fact]
    public async Task A_job_whose_escapes_exceed_the_memory_ends_by_name()
    {
        await using var cluster = new HostedCluster(1, memoryLimit: (6 << 20) - 1);
        JobDescriptor job = Job(1) with { Tensors = [new TensorSpec("t", TensorKind.Parameter, [1024, 256])], Optimizer = new OptimizerSpec { Kind = OptimizerKind.Sgd } };
        await cluster.OpenAsync(job);
        var (cursor, _, values, hints) = await cluster.PullAsync(job, null);

        // There is room for one level of escapes, not for two.
        cluster.Push(job, cursor, values, hints, [0]);
        float[] large = [.. values.Select(v => v * 1e6f)];
        string message = await RefusedAsync(ProtocolError.TooLarge, () => Task.Run(() => cluster.Push(job, cursor, large, hints, [1]), Cancellation));
        Assert.StartsWith("Job job: gradients that exceed the ranges of their blocks take ", message, StringComparison.Ordinal);
        Assert.Equal(message, await RefusedAsync(ProtocolError.TooLarge, () => Task.FromResult(new StubStream(cluster.Hosts[0], "job"))));

        // What it had is there for another.
        await cluster.Hosts[0].CloseAsync("job", Cancellation);
        await cluster.OpenAsync(job with { JobId = "other" });
    }

    [Fact]
    public async Task Contributions_of_many_at_once_give_the_ledger_of_one_after_the_other()
    {
        const int Steps = 4;
        JobDescriptor job = StubGradients.Job(2, 6, Steps, elements: 400_000) with { CheckpointDirectory = _folder.Path };
        string[][] ledgers = new string[2][];
        for (int run = 0; run < 2; run++)
        {
            await using var cluster = new HostedCluster(2, threads: 1 + run);
            await cluster.OpenAsync(job);
            Cursor? after = null;
            for (int step = 0; step < Steps; step++)
            {
                var (cursor, _, values, hints) = await cluster.PullAsync(job, after);
                // Each twice: one is a duplicate, whichever comes first.
                int[] slots = [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5];
                if (run == 0)
                {
                    Array.ForEach(slots, slot => cluster.Push(job, cursor, values, hints, [slot]));
                }
                else
                {
                    await Task.WhenAll(slots.Select(slot => Task.Run(() => cluster.Push(job, cursor, values, hints, [slot]), Cancellation)));
                }

                after = cursor;
            }

            ledgers[run] = [.. (await cluster.ReportsAsync(job)).Select(r => r.Ledger)];
        }

        Assert.Equal(Steps, ledgers[0].Length);
        Assert.Equal(ledgers[0], ledgers[1]);
    }

    [Fact]
    public async Task The_same_job_again_is_no_matter_and_another_is_refused()
    {
        await using var cluster = new HostedCluster(1);
        JobDescriptor job = Job(1);
        Assert.True(await cluster.Hosts[0].OpenAsync(job, Cancellation));
        Assert.True(await cluster.Hosts[0].OpenAsync(JobDescriptor.FromJson(job.ToJson()), Cancellation));
        await cluster.Hosts[0].InitializeAsync(job.JobId, StubGradients.Initial(job), Cancellation);
        Assert.False(await cluster.Hosts[0].OpenAsync(job, Cancellation));

        Assert.Contains("runs in the determinism class 'stub'; a worker of the class 'avx512' would not compute the same bits", await OtherAsync(job with { DeterminismClass = "avx512" }), StringComparison.Ordinal);
        Assert.Contains("other data or another job (stub instead of changed)", await OtherAsync(job with { JobHash = "changed" }), StringComparison.Ordinal);
        Assert.Contains("All workers must run the same build.", await OtherAsync(job with { Slots = 5 }), StringComparison.Ordinal);
        Assert.Contains("All workers must run the same build.", await OtherAsync(job with { Optimizer = job.Optimizer with { LearningRate = 0.02 } }), StringComparison.Ordinal);

        Task<string> OtherAsync(JobDescriptor other) => RefusedAsync(ProtocolError.Conflict, () => cluster.Hosts[0].OpenAsync(other, Cancellation));
    }

    [Fact]
    public async Task A_job_that_cannot_be_is_refused()
    {
        await using var cluster = new HostedCluster(2);
        JobDescriptor job = Job(2);
        JobDescriptor[] bad = [job with { Shards = 1 }, job with { Shards = 0 }, job with { Slots = 0 }, job with { Slots = 65_537 }, job with { TotalSteps = 0 }, job with { StepsPerEpoch = 0 }, job with { Tensors = [] }, job with { EvaluationSlots = -1 }, job with { ResumeStep = 1000 }];
        foreach (JobDescriptor descriptor in bad)
        {
            await RefusedAsync(ProtocolError.Invalid, () => cluster.Hosts[1].OpenAsync(descriptor, Cancellation));
        }

        await RefusedAsync(ProtocolError.Checkpoint, () => cluster.Hosts[1].OpenAsync(job with { ResumeStep = 2 }, Cancellation));
        Assert.Empty(cluster.Hosts[1].Jobs);
    }

    [Fact]
    public async Task Initial_values_are_taken_once()
    {
        await using var cluster = new HostedCluster(1);
        JobDescriptor job = Job(1);
        float[] values = StubGradients.Initial(job), other = [.. values];
        other[^1] += 1;
        await cluster.Hosts[0].OpenAsync(job, Cancellation);
        Assert.Contains($"shard 0 has {values.Length} elements, the initial values are 3", await RefusedAsync(ProtocolError.Invalid, () => InitializeAsync([1, 2, 3])), StringComparison.Ordinal);
        Assert.Contains("an initial value for shard 0 is NaN", await RefusedAsync(ProtocolError.Invalid, () => InitializeAsync([.. values[1..], float.NaN])), StringComparison.Ordinal);
        await InitializeAsync(values);
        await InitializeAsync([.. values]);
        Assert.Contains("another worker gave shard 0 other initial values", await RefusedAsync(ProtocolError.Conflict, () => InitializeAsync(other)), StringComparison.Ordinal);

        Task InitializeAsync(float[] given) => cluster.Hosts[0].InitializeAsync(job.JobId, given, Cancellation);
    }

    [Fact]
    public async Task What_is_asked_of_the_wrong_shard_or_of_no_job_is_refused()
    {
        await using var cluster = new HostedCluster(2);
        await cluster.OpenAsync(Job(2));
        Assert.Equal("Only shard 0 answers this, not shard 1.", await RefusedAsync(ProtocolError.Invalid, () => cluster.Hosts[1].ClipFactorAsync("job", default, 0, [], Cancellation)));
        using var stream = new StubStream(cluster.Hosts[1], "job");
        Assert.Equal("Job job: only shard 0 takes what is not a contribution, not shard 1.", Assert.Throws<ProtocolException>(() => stream.Say(new LeavingMessage())).Message);
        ShardHost host = cluster.Hosts[0];
        Func<Task>[] calls =
        [
            () => host.InitializeAsync("none", default, Cancellation), () => Task.FromResult(new StubStream(host, "none")), () => Task.FromResult(host.InHand("none", "w")),
            () => host.ClipFactorAsync("none", default, 0, [], Cancellation), () => host.ProgressAsync("none", new ShardProgress(1, default, []), Cancellation),
        ];
        foreach (Func<Task> call in calls)
        {
            Assert.Equal("Shard 0 hosts no job none.", await RefusedAsync(ProtocolError.UnknownJob, call));
        }

        Assert.Null(host.Describe("none"));
        await host.CloseAsync("none", Cancellation);
    }

    [Fact]
    public async Task Closing_a_job_wakes_whoever_waits_for_it()
    {
        await using var cluster = new HostedCluster(2);
        JobDescriptor job = Job(2) with { EvaluationSlots = 2, StepsPerEpoch = 1, Optimizer = new OptimizerSpec { ClipNorm = 1 } };
        await cluster.OpenAsync(job);
        var layout = new ModelLayout(job.Tensors, 2);
        Cursor cursor = new(0, 0, 0);
        using var stream = new StubStream(cluster.Hosts[0], "job");
        Task[] waiting =
        [
            stream.TurnAsync(cursor),
            cluster.Hosts[0].ClipFactorAsync("job", cursor, 1, new double[layout.ShardBlocks(1)], Cancellation),
            cluster.Hosts[0].AnnounceAsync("job", new ShardAnnouncement(cursor, 1, new UInt128[layout.ShardBlocks(1)], 0, 0, 0), Cancellation),
            cluster.Hosts[0].WatchAsync("job", 0, Cancellation).GetAsyncEnumerator(Cancellation).MoveNextAsync().AsTask(),
        ];
        Assert.DoesNotContain(waiting, task => task.IsCompleted);
        await cluster.Hosts[0].CloseAsync("job", Cancellation);
        foreach (Task task in waiting)
        {
            Assert.Equal("Job job was closed.", await RefusedAsync(ProtocolError.UnknownJob, () => task.WaitAsync(HostedCluster.Patience, Cancellation)));
        }

        Assert.Empty(cluster.Hosts[0].Jobs);
    }

    [Fact]
    public async Task A_gradient_that_is_not_finite_ends_the_job_and_says_which_slots()
    {
        await using var cluster = new HostedCluster(2);
        JobDescriptor job = Job(2);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 1);
        var (cursor, _, values, hints) = await cluster.PullAsync(job, null);
        float[] broken = [.. values];
        broken[0] = float.NaN;
        cluster.Push(job, cursor, values, hints, [0, 2]);
        cluster.Push(job, cursor, broken, hints, [1, 3]);
        // One worker may be broken; what two find is the job's.
        Assert.All(cluster.Hosts, host => Assert.Equal([1, 3], host.Progress("job")!.Missing));
        cluster.Push(job, cursor, broken, hints, [3]);
        foreach (ShardHost host in cluster.Hosts)
        {
            string message = await RefusedAsync(ProtocolError.NotFinite, () => Task.FromResult(new StubStream(host, "job")));
            Assert.Equal("Job job: the gradient of step 1 is not finite (slots 3, on two workers alike). Lower the learning rate, clip the norm, or look for bad values in the data.", message);
        }
    }

    [Fact]
    public async Task Who_contributes_is_timed_also_when_it_does_not_count()
    {
        await using var cluster = new HostedCluster(2);
        JobDescriptor job = Job(2);
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 1);
        var (cursor, _, _, _) = await cluster.PullAsync(job, null);
        foreach ((string worker, double slotMs) in new[] { ("w0", 10), ("late", 50), ("new", 0), ("broken", double.NaN) })
        {
            using var stream = new StubStream(cluster.Hosts[0], "job", worker);
            // One that breaks off before its first chunk.
            stream.Begin(new Contribution { JobId = "job", WorkerId = worker, Cursor = cursor, SlotMs = slotMs, Reports = [new SlotReport { Slot = 0, Samples = 1, LossSum = 0, ChunkHashes = new ulong[new ModelLayout(job.Tensors, 2).ChunksOf(0).Count] }], Chunks = [] }).Dispose();
        }

        await cluster.TrainAsync(job);
        IReadOnlyList<StepReport> reports = await cluster.ReportsAsync(job);
        Assert.Equal(new() { ["w0"] = 10.0, ["late"] = 50.0 }, new Dictionary<string, double>(reports[1].SlotMs));
        Assert.DoesNotContain("late", reports[1].SlotWorkers);
        Assert.All(reports.Where(r => r.Cursor.Step != 1), report => Assert.Empty(report.SlotMs));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.05)]
    public async Task Any_number_of_shards_gives_one_ledger_one_model_and_the_same_reports(double? clip)
    {
        var runs = new List<(string[] Ledger, int[] Model, float[] Checkpoint, StepReport[] Reports)>();
        foreach (int shards in new[] { 1, 2, 3 })
        {
            JobDescriptor job = Job(shards) with { JobId = $"job-{shards}", Optimizer = new OptimizerSpec { LearningRate = 0.01, ClipNorm = clip }, CheckpointDirectory = Path.Combine(_folder.Path, $"{shards}") };
            await using var cluster = new HostedCluster(shards);
            await cluster.OpenAsync(job);
            float[] model = await cluster.TrainAsync(job);
            StepReport[] reports = [.. await cluster.ReportsAsync(job)];
            Assert.Equal(reports[2..].Select(r => r.Ledger), (await cluster.ReportsAsync(job, from: 2)).Select(r => r.Ledger));
            runs.Add(([.. reports.Select(r => r.Ledger)], Floats.Bits(model), CheckpointSet.Read(job.CheckpointDirectory, job.TotalSteps).Model(), reports));
        }

        Assert.All(runs, run =>
        {
            Assert.Equal(runs[0].Ledger, run.Ledger);
            Assert.Equal(runs[0].Model, run.Model);
            Assert.Equal(runs[0].Model, Floats.Bits(run.Checkpoint));
            Assert.Equal([0, 1, 2, 3, 4, 5], run.Reports.Select(r => r.Cursor.Step));
            Assert.Equal([false, false, false, false, false, true], run.Reports.Select(r => r.Finished));
            Assert.All(run.Reports, r => Assert.Equal(((0.5 + 1.5 + 2.5 + 3.5) / (2 + 3 + 4 + 5), 14L), (r.Loss, r.Samples)));
            // The first step is measured before it counts.
            Assert.Equal([2, 2, 2, 2, 2, 2], run.Reports.Select(r => r.Accepted));
            Assert.All(run.Reports, r => Assert.Equal(["w0", "w1", "w0", "w1"], r.SlotWorkers));
        });
        Assert.Equal(6, runs[0].Ledger.Distinct().Count());
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    [InlineData(2, 2)]
    public async Task A_job_resumed_with_another_number_of_shards_goes_on_to_the_same_ledger(int before, int after)
    {
        JobDescriptor job = Job(before) with { CheckpointEvery = 2, CheckpointKeep = 10 };
        await using var first = new HostedCluster(before);
        await first.OpenAsync(job);
        float[] model = await first.TrainAsync(job);
        IReadOnlyList<StepReport> undisturbed = await first.ReportsAsync(job);
        Assert.Equal([2, 4, 6], CheckpointSet.List(_folder.Path).Where(version => version > 0));

        JobDescriptor resumed = job with { JobId = "resumed", Shards = after, ResumeStep = 2 };
        await using var second = new HostedCluster(after);
        await second.OpenAsync(resumed);
        Assert.Equal(Floats.Bits(model), Floats.Bits(await second.TrainAsync(resumed)));
        IReadOnlyList<StepReport> reports = await second.ReportsAsync(resumed);
        Assert.Equal(undisturbed.Skip(2).Select(r => (r.Cursor.Step, r.Ledger)), reports.Select(r => (r.Cursor.Step, r.Ledger)));
        Assert.All(reports, r => Assert.Equal(1, r.Cursor.Generation));
    }

    [Fact]
    public async Task An_evaluation_counts_each_slot_once_and_is_reported_in_slot_order()
    {
        await using var cluster = new HostedCluster(1);
        JobDescriptor job = Job(1) with { EvaluationSlots = 3, StepsPerEpoch = 2 };
        ShardHost host = cluster.Hosts[0];
        await cluster.OpenAsync(job);
        await cluster.TrainAsync(job, until: 2);
        Cursor cursor = new(0, 2, Cursor.Evaluation);
        using var late = new StubStream(host, "job", "late");
        using var first = new StubStream(host, "job", "first");
        late.Evaluate(cursor, 2, Part(1, 4));
        first.Evaluate(cursor, 0, Part(2, 1));
        first.Evaluate(cursor, 2, Part(100, 100));
        using var last = new StubStream(host, "job", "last");
        await RefusedAsync(ProtocolError.Invalid, () => ReportAsync(cursor, 3));
        await RefusedAsync(ProtocolError.Invalid, () => ReportAsync(cursor, -1));
        await RefusedAsync(ProtocolError.Invalid, () => ReportAsync(cursor with { Step = 1 }, 0));
        await RefusedAsync(ProtocolError.Invalid, () => ReportAsync(cursor with { Attempt = 0 }, 0));
        last.Evaluate(cursor, 1, Part(1, 3));

        StepReport report = await host.WatchAsync("job", 2, Cancellation).FirstAsync(Cancellation);
        Assert.Equal((cursor, 4, 2.0), (report.Cursor, report.Samples, report.Loss));
        Assert.Equal(["first", "last", "late"], report.SlotWorkers);
        Assert.Equal([1, 3, 4], report.EvaluationParts.Select(p => p.LossSum));

        EvaluationPart Part(long samples, double loss) => new(samples, loss, [], [], []);
        Task ReportAsync(Cursor at, int slot)
        {
            last.Evaluate(at, slot, Part(1, 1));
            return Task.CompletedTask;
        }
    }

    public void Dispose() => _folder.Dispose();

    private JobDescriptor Job(int shards) => StubGradients.Job(shards, 4, 6) with { CheckpointDirectory = _folder.Path };

    private static async Task<string> RefusedAsync(ProtocolError error, Func<Task> call)
    {
        ProtocolException exception = await Assert.ThrowsAsync<ProtocolException>(call);
        Assert.Equal(error, exception.Error);
        return exception.Message;
    }
}
