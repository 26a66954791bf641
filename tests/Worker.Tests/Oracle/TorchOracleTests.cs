using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>The oracle with real data, real models and libtorch: dropout, batch norm, clipping, a last batch that does not divide.</summary>
[Collection(SharedTorch.Generator)]
public sealed class TorchOracleTests
{
    private const int Slots = 6;

    private static readonly string Digits = Path.Combine(AppContext.BaseDirectory, "digits.csv.gz");

    /// <summary>Of 1,438 samples 200 a step: the eighth has 38.</summary>
    private static readonly JobSpec Job = JobFile.Parse($$"""
        name: digits
        data:
          format: csv
          train: {{Digits}}
          header: false
          labels: [64]
          split: 0.2
          normalize: standard
        model:
          input: [1, 8, 8]
          layers:
            - kind: conv2d
              out: 8
              padding: 1
            - batch-norm
            - relu
            - max-pool2d
            - flatten
            - kind: dropout
              p: 0.3
            - kind: linear
              out: 10
        loss: cross-entropy
        metrics: [accuracy, f1, confusion]
        classWeights: balanced
        optimizer:
          kind: adam
          learningRate: 2e-3
          clipNorm: 0.5
        steps: 10
        globalBatch: 200
        slots: {{Slots}}
        seed: 1
        """, "job.yaml", AppContext.BaseDirectory, []);

    [Fact]
    public async Task Real_training_has_one_ledger_at_any_number_of_workers_and_shards()
    {
        IReadOnlyList<string> quiet = Ledger.Of(await RunAsync(Job, ComponentCatalog.Empty, 1, 1));
        Assert.Equal(12, quiet.Count);
        foreach ((int workers, int shards) in new[] { (3, 1), (1, 2), (3, 2) })
        {
            Ledger.Equal($"{workers} workers, {shards} shards", quiet, Ledger.Of(await RunAsync(Job, ComponentCatalog.Empty, workers, shards)));
        }
    }

    /// <summary>Trains a job in this process, with each worker's part in a step.</summary>
    internal static async Task<IReadOnlyList<StepReport>> RunAsync(JobSpec plain, ComponentCatalog catalog, int workers, int shards)
    {
        JobSpec spec = plain with { Shards = shards };
        using var folder = new TemporaryFolder();
        var run = new RunFolder(folder.Path);
        using var compute = new ComputeThread();
        PreparedJob opened = await compute.RunAsync(() => PreparedJob.Prepare(spec, "digits", run, null, acceptsClass: false, acceptsCode: false, catalog, default));
        TrainingPlan job = opened.Plan;
        await compute.RunAsync(opened.Dispose);

        await using var swarm = new Swarm(job, new FakeTimeProvider());
        using var muster = new Muster(workers, 2, swarm.End);
        Member[] members = [.. Enumerable.Range(0, workers).Select(w => swarm.Hire($"w{w}", new DelayingWire(w, muster.Sent), () => new SharedTorch(() => PreparedJob.Prepare(spec, "digits", run, null, acceptsClass: false, acceptsCode: false, catalog, default), muster.Hold)).Start())];
        IReadOnlyList<StepReport> reports = await swarm.WatchAsync();
        Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);
        Assert.Equal(Math.Min(workers, spec.Slots), reports.Single(r => r.Cursor is { Step: 3, Attempt: >= 0 }).SlotWorkers.Distinct().Count());
        return reports;
    }
}
