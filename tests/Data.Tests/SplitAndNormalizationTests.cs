using System.Text.Json;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class SplitAndNormalizationTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(2, 0.5)]
    [InlineData(9, 0.2)]
    [InlineData(100, 0.25)]
    [InlineData(1797, 0.2)]
    public void A_split_uses_each_row_once_and_follows_from_the_seed(int rows, double fraction)
    {
        var spec = folder.Csv("x,y\n" + string.Concat(Enumerable.Range(0, rows).Select(i => $"{i},{i}\n")), "y") with { Split = fraction };
        using var data = folder.Open(spec);
        using var again = folder.Open(spec);
        using var other = folder.Open(spec, seed: 2);
        var held = data.Validation!.All().Labels.Select(l => l[0]).ToArray();
        Assert.Equal((int)Math.Round(rows * fraction), held.Length);
        Assert.Equal(Enumerable.Range(0, rows).Select(i => (float)i), held.Concat(data.Train.All().Labels.Select(l => l[0])).Order());
        Assert.Equal(held, again.Validation!.All().Labels.Select(l => l[0]));
        Assert.Equal(data.Fingerprint, again.Fingerprint);
        Assert.NotEqual(data.Fingerprint, other.Fingerprint);
        if (rows >= 100)
        {
            Assert.NotEqual(held.Order(), other.Validation!.All().Labels.Select(l => l[0]).Order());
        }
    }

    [Fact]
    public void Statistics_are_those_of_the_training_rows_alone()
    {
        var spec = folder.Csv("x,k,y\n" + string.Concat(Enumerable.Range(0, 400).Select(i => $"{(i % 97) * 1.5 - 20},{0.1},{i}\n")), "y") with { Split = 0.25, Normalize = NormalizationKind.Standard };
        using var raw = folder.Open(spec with { Normalize = NormalizationKind.None });
        using var standard = folder.Open(spec);
        using var scaled = folder.Open(spec with { Normalize = NormalizationKind.MinMax });
        var x = raw.Train.All().Features.Select(f => (double)f[0]).ToArray();
        var mean = x.Average();
        var deviation = Math.Sqrt(x.Average(v => (v - mean) * (v - mean)));
        foreach (var (before, after) in raw.Validation!.All().Features.Zip(standard.Validation!.All().Features))
        {
            Assert.Equal((before[0] - mean) / deviation, after[0], 1e-5);
            Assert.Equal(0f, after[1]);
        }

        var within = scaled.Train.All().Features;
        Assert.Equal((0f, 1f), (within.Min(f => f[0]), within.Max(f => f[0])));
        Assert.All(within, f => Assert.Equal(0f, f[1]));
    }

    [Fact]
    public void The_table_survives_the_model_file_and_serves_evaluation()
    {
        var spec = folder.Csv("c,x,kind\nr,1.1,b\ng,,a\nb,3.3,c\n", "kind") with { Categories = ["c", "kind"], Missing = MissingPolicy.Median, Normalize = NormalizationKind.Standard };
        using var data = folder.Open(spec);
        var table = NormalizationTable.FromMetadata(data.Normalization.ToMetadata());
        Assert.Equal(data.Normalization.ToMetadata(), table.ToMetadata());
        Assert.Equal(data.Normalization.Factor, table.Factor);

        using var later = DataSets.OpenForEvaluation(spec with { Train = folder.Write("later.csv", "c,x,kind\nb,3.3,c\nr,,b\n") }, LossKind.Mse, table, folder.Cache, TestContext.Current.CancellationToken);
        Assert.Equal(data.Train.Sample(2), later.Sample(0), Same);
        Assert.Equal(data.Train.Sample(1).Features[3], later.Sample(1).Features[3]);
        Assert.Equal(3, later.Classes);
        Assert.Throws<JsonException>(() => NormalizationTable.FromMetadata("{}"));

        static bool Same((float[] Features, float[] Labels) a, (float[] Features, float[] Labels) b) => a.Features.SequenceEqual(b.Features) && a.Labels.SequenceEqual(b.Labels);
    }

    [Fact]
    public void Reading_refuses_ids_and_spans_that_do_not_fit()
    {
        using var data = folder.Open(folder.Csv("x,y\n1,0\n2,1\n", "y"));
        Assert.Throws<ArgumentException>(() => data.Train.Read([2], new float[1], new float[1]));
        Assert.Throws<ArgumentException>(() => data.Train.Read([-1], new float[1], new float[1]));
        Assert.Throws<ArgumentException>(() => data.Train.Read([0, 1], new float[1], new float[2]));
    }
}
