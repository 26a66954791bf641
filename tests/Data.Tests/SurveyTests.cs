using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

/// <summary>What is no error in the data, and nobody will have meant.</summary>
public sealed class SurveyTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Good_data_are_not_warned_of()
    {
        Assert.Empty(Warnings(Csv("x,n,c,y", i => $"{Math.Sin(i):R},{i * 7919 % 150},{"abc"[i % 3]},{i * i % 5 % 2}") with { Categories = ["c"] }, LossKind.BinaryCrossEntropy));
        Assert.Empty(Warnings(Csv("x,y", i => $"{Math.Sin(i):R},{Math.Cos(i * 3) * 100:R}") with { Split = 0.5 }, LossKind.Mse));
    }

    [Theory]
    [InlineData("Column k has the same value in every training row", "5")]
    [InlineData("Column k has the same value in every training row", "u")]
    [InlineData("Column k has another value in every row", "{i}")]
    [InlineData("Column k has another value in every row", "name{i}")]
    [InlineData("Column k has a value of its own for each label: that gives the label away", "{y2}")]
    [InlineData("Column k has a value of its own for each label: that gives the label away", "v{y}")]
    public void A_column_that_cannot_be_meant(string message, string values)
    {
        DataSpec spec = Csv("x,k,y", i => $"{Math.Sin(i):R},{values.Replace("{i}", $"{i}", StringComparison.Ordinal).Replace("{y2}", $"{(i * i % 5 % 2 * 3) - 7}", StringComparison.Ordinal).Replace("{y}", $"{i * i % 5 % 2}", StringComparison.Ordinal)},{i * i % 5 % 2}");
        InputError warning = Assert.Single(Warnings(spec with { Categories = ["auto"] }, LossKind.BinaryCrossEntropy));
        Assert.StartsWith(message, warning.Message, StringComparison.Ordinal);
        Assert.Contains("'exclude'", warning.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_of_one_kind_are_told_together() =>
        Assert.StartsWith("2 columns have the same value in every training row: that tells nothing. They are a, c.", Assert.Single(Warnings(Csv("a,b,c,y", i => $"1,{Math.Sin(i):R},2,{i * i % 5}"), LossKind.Mse)).Message, StringComparison.Ordinal);

    [Fact]
    public void The_file_that_is_named_is_the_one_that_was_given_whatever_equal_one_was_read_before()
    {
        DataSpec spec = Csv("a,y", _ => "1,yes") with { Validation = _folder.Write("v.csv", "a,y\n1,yes\n") };
        IReadOnlyList<InputError> first = Warnings(spec, LossKind.CrossEntropy);
        Assert.Equal([spec.Train, spec.Train], first.Select(w => w.File));
        string copy = _folder.Write("copy.csv", File.ReadAllBytes(spec.Train));
        Assert.Equal(first.Select(w => w with { File = copy }), Warnings(spec with { Train = copy }, LossKind.CrossEntropy));
    }

    [Fact]
    public void A_feature_that_is_the_number_to_be_predicted() =>
        Assert.StartsWith("Column k has a value of its own for each label", Assert.Single(Warnings(Csv("k,y", i => $"{Math.Sin(i) * 2:R},{3 + Math.Sin(i):R}"), LossKind.Mse)).Message, StringComparison.Ordinal);

    [Fact]
    public void Classes_that_are_too_few_or_too_unequal()
    {
        Assert.Contains("All training rows are of one class, yes", Assert.Single(Warnings(Csv("x,y", i => $"{Math.Sin(i):R},yes"), LossKind.CrossEntropy)).Message, StringComparison.Ordinal);
        Assert.Contains("98.0% of the training rows are of class 0, so that an accuracy of 0.980", Assert.Single(Warnings(Csv("x,y", i => $"{Math.Sin(i):R},{(i % 50 == 0 ? 1 : 0)}"), LossKind.CrossEntropy)).Message, StringComparison.Ordinal);
        DataSpec spec = Csv("x,y", i => $"{Math.Sin(i):R},{i % 2}") with { Validation = _folder.Write("v.csv", "x,y\n1,1\n2,1\n") };
        InputError validation = Assert.Single(Warnings(spec, LossKind.BinaryCrossEntropy));
        Assert.Equal("v.csv", Path.GetFileName(validation.File));
        Assert.Contains("All validation rows are of one class, 1: auc cannot be had", validation.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_that_spread_widely_are_told_and_cured_by_scaling_them()
    {
        DataSpec spec = Csv("x,y", i => $"{Math.Sin(i):R},{500_000 + (100_000 * Math.Cos(i * 3)):R}");
        Assert.Contains("'normalizeLabels: standard'", Assert.Single(Warnings(spec, LossKind.Mse)).Remedy, StringComparison.Ordinal);
        using OpenedData data = _folder.Open(spec with { NormalizeLabels = NormalizationKind.Standard });
        Assert.Empty(data.Warnings);
        double[] labels = [.. data.Train.All().Labels.Select(l => (double)l[0])];
        Assert.Equal(0, labels.Average(), 1e-6);
        Assert.Equal(1, labels.Average(l => l * l), 1e-5);
        NormalizationTable table = NormalizationTable.FromMetadata(data.Normalization.ToMetadata());
        double unit = Assert.Single(data.Train.LabelScales).Unit;
        Assert.Equal(1 / table.LabelFactor![0], unit);
        Assert.Equal(500_000 + (100_000 * Math.Cos(9)), (labels[3] * unit) + table.LabelOffset![0], 0.05);
    }

    private DataSpec Csv(string header, Func<int, string> row) => _folder.Csv(header + "\n" + string.Concat(Enumerable.Range(0, 300).Select(i => FormattableString.Invariant($"{row(i)}\n"))), "y");

    private IReadOnlyList<InputError> Warnings(DataSpec spec, LossKind loss)
    {
        using OpenedData data = _folder.Open(spec, 1, loss);
        return data.Warnings;
    }
}
