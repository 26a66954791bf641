using Lockstep.Contracts.Jobs;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using OwnModel.Worker;

namespace Lockstep.Worker.Tests.Own;

/// <summary>The oracle with the model and the data of samples/own-model: a residual network with batch norm, its counter and dropout, of a module and a source that are not ours.</summary>
[Collection(SharedTorch.Generator)]
public sealed class OwnOracleTests
{
    private const int Slots = 4;

    [Fact]
    public async Task An_own_model_has_one_ledger_at_any_number_of_workers_and_shards()
    {
        JobSpec job = JobFile.Parse($$"""
            name: shapes
            model: { name: residual-cnn, options: { width: 4, blocks: 1 } }
            data: { source: shapes, options: { count: 300 }, split: 0.2 }
            loss: cross-entropy
            metrics: [accuracy]
            optimizer: { kind: adam, learningRate: 3e-3, clipNorm: 0.5 }
            steps: 6
            globalBatch: 70
            slots: {{Slots}}
            seed: 3
            """, "job.yaml", AppContext.BaseDirectory, []);
        var catalog = new ComponentCatalog();
        catalog.AddModel("residual-cnn", typeof(ResidualCnn));
        catalog.AddDataSource("shapes", typeof(ShapesSource));
        IReadOnlyList<string> quiet = Ledger.Of(await TorchOracleTests.RunAsync(job, catalog, 1, 1));
        foreach ((int workers, int shards) in new[] { (2, 1), (3, 2), (Slots + 1, 1), (1, 2), (Slots + 1, 2) })
        {
            Ledger.Equal($"{workers} workers, {shards} shards", quiet, Ledger.Of(await TorchOracleTests.RunAsync(job, catalog, workers, shards)));
        }
    }
}
