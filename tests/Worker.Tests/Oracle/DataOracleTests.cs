using Lockstep.Contracts.Jobs;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>The oracle with each kind of data.</summary>
[Collection(SharedTorch.Generator)]
public sealed class DataOracleTests : IDisposable
{
    private const int Slots = 4;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Texts_have_one_ledger_at_any_number_of_workers()
    {
        File.WriteAllText(Path.Combine(folder.Path, "text.txt"), string.Concat(Enumerable.Range(0, 400).Select(i => $"{i * i} is a square.\n")));
        var catalog = new ComponentCatalog();
        catalog.AddModel("next", typeof(NextToken));
        await CheckAsync(
            """
            format: text
              train: text.txt
              split: 0.1
              text: { length: 16 }
            """,
            "name: next",
            "model",
            catalog);
    }

    private async Task CheckAsync(string data, string model, string loss, ComponentCatalog catalog)
    {
        JobSpec job = JobFile.Parse(
            $"""
            name: kind
            data:
              {data}
            model:
              {model}
            loss: {loss}
            steps: 5
            globalBatch: 50
            slots: {Slots}
            seed: 2
            """,
            "job.yaml",
            folder.Path,
            []);
        IReadOnlyList<string> quiet = Ledger.Of(await TorchOracleTests.RunAsync(job, catalog, 1, 1));
        Ledger.Equal("3 workers", quiet, Ledger.Of(await TorchOracleTests.RunAsync(job, catalog, 3, 1)));
    }
}
