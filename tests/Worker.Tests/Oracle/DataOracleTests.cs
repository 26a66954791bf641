using Lockstep.Contracts.Jobs;
using Lockstep.Data.Tests;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;
using Parquet;
using Parquet.Schema;

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

    [Fact]
    public async Task Json_lines_have_one_ledger_at_any_number_of_workers()
    {
        File.WriteAllLines(Path.Combine(folder.Path, "rows.jsonl"), Enumerable.Range(0, 200).Select(i => $$"""{"a": {{i % 7}}, "b": "{{"xyz"[i % 3]}}", "y": {{i % 7 * 2}}}"""));
        await CheckAsync("format: json-lines\n  train: rows.jsonl\n  labels: [y]\n  categories: [b]\n  split: 0.1", "preset: mlp\n  hidden: [8]", "mse", ComponentCatalog.Empty);
    }

    [Fact]
    public async Task Parquet_has_one_ledger_at_any_number_of_workers()
    {
        var schema = new ParquetSchema(new DataField<double>("a"), new DataField<int>("y"));
        await using (FileStream file = File.Create(Path.Combine(folder.Path, "rows.parquet")))
        {
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(schema, file, cancellationToken: TestContext.Current.CancellationToken);
            for (int part = 0; part < 2; part++)
            {
                using var group = writer.CreateRowGroup();
                await group.WriteAsync<double>(schema.DataFields[0], Enumerable.Range(0, 100).Select(i => (i * 0.1) + part).ToArray(), cancellationToken: TestContext.Current.CancellationToken);
                await group.WriteAsync<int>(schema.DataFields[1], Enumerable.Range(0, 100).Select(i => i / 50).ToArray(), cancellationToken: TestContext.Current.CancellationToken);
            }
        }

        await CheckAsync("format: parquet\n  train: rows.parquet\n  labels: [y]\n  normalize: standard\n  split: 0.1", "preset: mlp\n  hidden: [8]", "cross-entropy", ComponentCatalog.Empty);
    }

    [Fact]
    public async Task Images_that_vary_have_one_ledger_at_any_number_of_workers()
    {
        foreach (int i in Enumerable.Range(0, 60))
        {
            string path = Path.Combine(folder.Path, "photos", i % 2 == 0 ? "even" : "odd", $"{i}.png");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, Pngs.Of(9, 9, 1, (y, x, _) => (byte)((i % 2 == 0 ? y : x) * 20)));
        }

        await CheckAsync("format: images\n  train: photos\n  normalize: standard\n  split: 0.2\n  image: { shape: [1, 8, 8], crop: 1, flip: true, shift: 2 }", "layers: [flatten, { kind: linear, out: 8 }, relu, linear]", "cross-entropy", ComponentCatalog.Empty);
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
