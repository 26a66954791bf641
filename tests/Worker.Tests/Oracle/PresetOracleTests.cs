using System.Globalization;
using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>The oracle on each preset, and on recurrent layers: one ledger at any number of workers and shards.</summary>
[Collection(SharedTorch.Generator)]
public sealed class PresetOracleTests : IDisposable
{
    private const int Slots = 4;

    private static readonly string Digits = Path.Combine(AppContext.BaseDirectory, "digits.csv.gz");

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Models => ["mlp", "cnn", "resnet", "transformer", "tabular", "recurrent"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Each_has_one_ledger_at_any_number_of_workers_and_shards(string model)
    {
        JobSpec job = JobFile.Parse(
            $$"""
            name: presets
            {{(model switch { "transformer" => Tokens, "tabular" => Table(), _ => Image })}}
            model: {{(model switch
            {
                "mlp" => "{ preset: mlp, hidden: [24] }",
                "cnn" => "{ preset: cnn, input: [1, 8, 8] }",
                "resnet" => "{ preset: resnet, depth: 1, width: 4, input: [1, 8, 8] }",
                "transformer" => "{ preset: transformer, depth: 2, width: 16, heads: 2, dropout: 0.1 }",
                "tabular" => "{ preset: tabular, hidden: [16], dropout: 0.2 }",
                _ => "{ input: [8, 8], layers: [{ kind: conv1d, out: 6, padding: 1 }, batch-norm1d, { kind: lstm, out: 8, depth: 2, p: 0.2 }, { kind: gru, out: 8, bidirectional: true, last: true }, linear] }",
            })}}
            loss: cross-entropy
            lossOptions: { labelSmoothing: 0.1, focal: 1 }
            metrics: [accuracy, top-k, perplexity]
            topK: 2
            optimizer: { kind: adamw, learningRate: 3e-3, weightDecay: 0.1, clipNorm: 1, averageDecay: 0.9, groups: [{ names: ["*.bias"], weightDecay: 0, rate: 2 }] }
            schedule: { kind: one-cycle }
            steps: 5
            globalBatch: 26
            slots: {{Slots}}
            seed: 3
            """,
            "job.yaml",
            AppContext.BaseDirectory,
            []);
        var catalog = new ComponentCatalog();
        catalog.AddDataSource("tokens", typeof(TokenSource));
        IReadOnlyList<string> quiet = Ledger.Of(await TorchOracleTests.RunAsync(job, catalog, 1, 1));
        foreach ((int workers, int shards) in new[] { (2, 1), (3, 2), (Slots + 1, 1), (1, 2), (Slots + 1, 2) })
        {
            IReadOnlyList<StepReport> reports = await TorchOracleTests.RunAsync(job, catalog, workers, shards);
            Ledger.Equal($"{workers} workers, {shards} shards", quiet, Ledger.Of(reports));
        }
    }

    private static string Image => $"data: {{ format: csv, train: {Digits}, header: false, labels: [64], split: 0.2, normalize: standard }}";

    private static string Tokens => "data: { source: tokens, split: 0.2 }";

    private string Table()
    {
        string path = Path.Combine(_folder.Path, "table.csv");
        var random = new Random(2);
        File.WriteAllLines(path, Enumerable.Range(0, 200).Select(i =>
        {
            (int city, int kind, double size) = (random.Next(9), random.Next(3), random.NextDouble());
            return string.Create(CultureInfo.InvariantCulture, $"c{city},{size:R},k{kind},{(city + kind + (size > 0.5 ? 1 : 0)) % 3}");
        }).Prepend("city,size,kind,y"));
        return $"data: {{ format: csv, train: {path}, labels: [y], categories: [city, kind], split: 0.2 }}";
    }

    /// <summary>Ten numbers in a row, each the sum of the two before it, and the one that follows each.</summary>
    public sealed class TokenSource : IDataSource
    {
        private const int Length = 10;
        private const int Words = 7;

        public long Count => 150;

        public IReadOnlyList<DataField> Fields { get; } =
        [
            DataField.Indexes("tokens", Length) with { Classes = Words },
            new DataField("next", [Length], FieldType.Int64) { IsLabel = true, Classes = Words },
        ];

        public void Read(long index, Sample sample)
        {
            Span<long> tokens = sample.Integers("tokens"), next = sample.Integers("next");
            (long before, long now) = (index % Words, index / Words % Words);
            for (int i = 0; i < Length; i++)
            {
                tokens[i] = now;
                (before, now) = (now, (before + now) % Words);
                next[i] = now;
            }
        }

        public void Dispose()
        {
        }
    }
}
