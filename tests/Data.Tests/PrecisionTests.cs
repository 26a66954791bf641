using System.Globalization;
using CsCheck;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

/// <summary>Values are float64 until they are prepared, and rounded once.</summary>
public sealed class PrecisionTests : IDisposable
{
    private const double Start = 1_700_000_000;
    private const int Rows = 400;

    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(NormalizationKind.Standard)]
    [InlineData(NormalizationKind.MinMax)]
    public void Timestamps_keep_all_their_values_when_they_are_normalised(NormalizationKind kind)
    {
        using OpenedData data = _folder.Open(Timestamps() with { Normalize = kind });
        double mean = Start + ((Rows - 1) / 2.0), deviation = Math.Sqrt(((Rows * (double)Rows) - 1) / 12);
        (double offset, double range) = kind == NormalizationKind.Standard ? (mean, deviation) : (Start, Rows - 1);
        Assert.Equal(115.4697, deviation, 1e-4);
        Assert.Equal(offset, data.Normalization.Offset[0], 1e-6);
        Assert.Equal(1 / range, data.Normalization.Factor[0], 1e-12);
        float[][] features = data.Train.All().Features;
        for (int i = 0; i < Rows; i++)
        {
            Assert.Equal((Start + i - offset) / range, features[i][0], 1e-6);
        }

        Assert.Equal(Rows, features.Select(f => f[0]).Distinct().Count());
        Assert.Empty(Losses(data));
    }

    [Fact]
    public void A_column_that_loses_distinct_values_is_told_with_two_of_them()
    {
        using OpenedData data = _folder.Open(Timestamps());
        var warning = Assert.Single(Losses(data));
        Assert.Contains("Column t loses distinct values: 170000", warning.Message, StringComparison.Ordinal);
        Assert.Contains("normalize: standard", warning.Remedy, StringComparison.Ordinal);
        // What is read a second time is told again.
        using OpenedData again = _folder.Open(Timestamps());
        Assert.Equal(data.Warnings, again.Warnings);
    }

    [Fact]
    public void Neither_measurements_nor_whole_numbers_with_gaps_are_said_to_lose_values()
    {
        var random = new Random(1);
        string rows = string.Concat(Enumerable.Range(0, 20_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"{random.NextDouble():R},{i % 700 * 1000},{i}\n")));
        using OpenedData data = _folder.Open(_folder.Csv("x,n,y\n" + rows, "y"));
        Assert.Empty(Losses(data));
    }

    [Fact]
    public void One_value_far_from_all_others_is_found()
    {
        using OpenedData data = _folder.Open(_folder.Csv("x,y\n1e15,0\n" + string.Concat(Enumerable.Range(0, 1000).Select(i => $"{i},0.5\n")), "y") with { Normalize = NormalizationKind.Standard });
        Assert.Contains("too far from the others", Assert.Single(Losses(data)).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Whole_numbers_beyond_what_float64_holds_are_told_with_their_line()
    {
        using OpenedData data = _folder.Open(_folder.Csv("x,y\n9007199254740992,0\n9007199254740993,1\n", "y") with { Normalize = NormalizationKind.Standard });
        Assert.Equal(3, Assert.Single(data.Warnings, w => w.Message.Contains("beyond 2^53", StringComparison.Ordinal)).Line);
    }

    [Fact]
    public void Labels_are_compared_before_they_are_rounded()
    {
        Assert.Contains("'1.00000001' in column y is no whole number", _folder.Refused(_folder.Csv("x,y\n1,0\n2,1.00000001\n", "y"), LossKind.CrossEntropy).Message, StringComparison.Ordinal);
        using OpenedData far = _folder.Open(_folder.Csv("x,y\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $"{i},{Start + i}\n")), "y"));
        var warning = Assert.Single(Losses(far));
        Assert.Contains("Column y loses distinct values", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Medians_and_means_of_missing_values_are_float64()
    {
        string rows = "t,y\n,0\n" + string.Concat(new[] { 1, 2, 7 }.Select(i => $"{Start + i},0\n"));
        foreach ((MissingPolicy policy, double expected) in new[] { (MissingPolicy.Median, 2.0), (MissingPolicy.Mean, 10 / 3.0) })
        {
            using OpenedData data = _folder.Open(_folder.Csv(rows, "y") with { Missing = policy, Normalize = NormalizationKind.MinMax });
            Assert.Equal(Start + expected, data.Normalization.Fill[0], 1e-6);
            Assert.Equal((expected - 1) / 6, data.Train.Sample(0).Features[0], 1e-6);
        }
    }

    [Fact]
    public void A_model_file_gives_back_what_was_stored()
    {
        using OpenedData data = _folder.Open(Timestamps() with { Normalize = NormalizationKind.Standard });
        NormalizationTable table = NormalizationTable.FromMetadata(data.Normalization.ToMetadata());
        Assert.Equal((data.Normalization.Offset[0], data.Normalization.Factor[0]), (table.Offset[0], table.Factor[0]));
        using IDataSet later = DataSets.OpenForEvaluation(Timestamps(), LossKind.Mse, table, _folder.Cache, TestContext.Current.CancellationToken);
        Assert.Equal(data.Train.All().Features, later.All().Features);
    }

    [Fact]
    public void Every_number_is_read_as_the_nearest_float64()
    {
        var plain = new NumberText();
        var comma = new NumberText(',', '.');
        Gen.Select(Gen.Double, Gen.Int[0, 6].Select(i => new[] { "R", "G9", "F3", "E4", "G17", "N2", "F0" }[i])).Sample((value, format) =>
        {
            string text = value.ToString(format, CultureInfo.InvariantCulture);
            if (!double.IsFinite(value))
            {
                return;
            }

            string ungrouped = text.Replace(",", "", StringComparison.Ordinal);
            double expected = double.Parse(ungrouped, CultureInfo.InvariantCulture);
            Assert.True(plain.TryRead(ungrouped, out double read, out _), ungrouped);
            Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(read));
            string swapped = text.Replace(',', ';').Replace('.', ',').Replace(';', '.');
            Assert.True(comma.TryRead(swapped, out read, out _), swapped);
            Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(read));
        });
        Gen.Long.Sample(whole =>
        {
            Assert.True(plain.TryRead(whole.ToString(CultureInfo.InvariantCulture), out double read, out bool rounded));
            Assert.Equal(whole, read);
            Assert.Equal(new System.Numerics.BigInteger(read) != whole, rounded);
        });
    }

    [Theory]
    [InlineData("1.234.567,5", 1234567.5)]
    [InlineData("1.234", 1234.0)]
    [InlineData("-12.345,25e1", -123452.5)]
    [InlineData("12.34", null)]
    [InlineData("1234.567", null)]
    [InlineData(".123", null)]
    [InlineData("1,5.000", null)]
    [InlineData("1.2345", null)]
    [InlineData("1,", 1.0)]
    [InlineData(",5", 0.5)]
    [InlineData("-", null)]
    [InlineData(",", null)]
    [InlineData("1,2,3", null)]
    public void Thousands_stand_in_groups_of_three(string text, double? expected)
    {
        bool read = new NumberText(',', '.').TryRead(text, out double value, out _);
        Assert.Equal(expected, read ? value : null);
    }

    private static IEnumerable<InputError> Losses(OpenedData data) => data.Warnings.Where(w => w.Message.Contains("loses distinct values", StringComparison.Ordinal));

    private DataSpec Timestamps() => _folder.Csv("t,y\n" + string.Concat(Enumerable.Range(0, Rows).Select(i => $"{Start + i},{i % 2}\n")), "y");
}
