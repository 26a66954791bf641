using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Scripted;

/// <summary>The oracle with the model of samples/torchscript: batch norm, its counter, dropout and a frozen parameter, of a module that was scripted in Python.</summary>
[Collection(SharedTorch.Generator)]
public sealed class ScriptedOracleTests
{
    private const int Slots = 4;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "torchscript");

    private static readonly JobSpec Job = JobFile.Load(
        Path.Combine(Folder, "job.yaml"),
        [$"data.train={Path.Combine(AppContext.BaseDirectory, "digits.csv.gz")}", "epochs=", "steps=6", "globalBatch=300", $"slots={Slots}", "optimizer.clipNorm=0.5"]);

    [Fact]
    public async Task A_scripted_model_has_one_ledger_at_any_number_of_workers_and_shards()
    {
        IReadOnlyList<string> quiet = await QuietAsync();
        foreach ((int workers, int shards) in new[] { (2, 1), (3, 1), (Slots + 1, 1), (1, 2), (2, 2), (3, 2), (Slots + 1, 2) })
        {
            Ledger.Equal($"{workers} workers, {shards} shards", quiet, Ledger.Of(await TorchOracleTests.RunAsync(Job, ComponentCatalog.Empty, workers, shards)));
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    public async Task It_has_that_ledger_whoever_is_killed(int workers, int shards)
    {
        JobSpec spec = Job with { Shards = shards };
        using var folder = new TemporaryFolder();
        var run = new RunFolder(folder.Path);
        using var compute = new ComputeThread();
        PreparedJob Open() => PreparedJob.Prepare(spec, "digits", run, null, acceptsClass: false, acceptsCode: false, ComponentCatalog.Empty, default);
        PreparedJob opened = await compute.RunAsync(Open);
        TrainingPlan job = opened.Plan;
        await compute.RunAsync(opened.Dispose);
        await using var swarm = new Swarm(job, new FakeTimeProvider());
        // Before a slot's contribution, amid it, and while an evaluation is due: each time another one comes in the place of who was killed.
        KillingWire wire = null!;
        wire = new KillingWire([(MessageKind.Contribution, 1), (MessageKind.Chunk, 3), (MessageKind.Grant, 5)], name => Hire(name + "'"));
        void Hire(string name) => swarm.Hire(name, wire, () => new SharedTorch(Open, (_, _) => { }), tolerant: true).Start();
        foreach (int worker in Enumerable.Range(0, workers))
        {
            Hire($"w{worker}");
        }

        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();

        Assert.Equal(3, wire.Dead.Count);
        Ledger.Equal($"{workers} workers, {shards} shards, 3 killed", await QuietAsync(), Ledger.Of(reports));
    }

    private static async Task<IReadOnlyList<string>> QuietAsync() => Ledger.Of(await TorchOracleTests.RunAsync(Job, ComponentCatalog.Empty, 1, 1));

    /// <summary>Kills who is about to send, or to get, a message of each of these kinds and steps.</summary>
    /// <param name="replace">Is told who was killed.</param>
    private sealed class KillingWire((MessageKind Kind, long Step)[] moments, Action<string> replace) : IWire
    {
        private readonly List<(MessageKind Kind, long Step)> _left = [.. moments];

        public HashSet<string> Dead { get; } = [];

        public Task BeforeAsync(Message message, CancellationToken cancellation)
        {
            lock (_left)
            {
                if (Dead.Contains(message.Worker))
                {
                    throw new KilledException();
                }

                if (_left.Remove((message.Kind, message.Cursor.Step)))
                {
                    Dead.Add(message.Worker);
                    replace(message.Worker);
                    throw new KilledException();
                }
            }

            return Task.CompletedTask;
        }
    }
}
