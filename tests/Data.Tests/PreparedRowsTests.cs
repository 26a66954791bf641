using System.Globalization;
using CsCheck;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

/// <summary>Rows that are prepared several values at a time are what they are value by value, to the bit.</summary>
public sealed class PreparedRowsTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(NormalizationKind.None)]
    [InlineData(NormalizationKind.Standard)]
    [InlineData(NormalizationKind.MinMax)]
    public void Numbers(NormalizationKind kind)
    {
        var value = Gen.Frequency((8, Gen.Double[-1e6, 1e6]), (1, Gen.Double[-1e-6, 1e-6]), (1, Gen.Const(double.NaN)));
        (from columns in Gen.Int[1, 21]
         from rows in value.Array[columns].Array[2, 9]
         select rows).Sample(
            rows =>
            {
                // Each column has a value somewhere.
                double[][] all = [[.. rows[0].Select((_, i) => i + 0.5)], .. rows];
                var text = string.Join(',', all[0].Select((_, i) => $"c{i}")) + ",y\n" + string.Concat(all.Select((row, i) => string.Join(',', row.Select(Text)) + $",{i}\n"));
                using var data = _folder.Open(_folder.Csv(text, "y") with { Missing = MissingPolicy.Mean, Normalize = kind });
                var (features, labels) = data.Train.All();
                for (var row = 0; row < all.Length; row++)
                {
                    Assert.Equal(all[row].Select((v, i) => BitConverter.SingleToUInt32Bits(data.Normalization.Prepare(i, v))), features[row].Select(BitConverter.SingleToUInt32Bits));
                    Assert.Equal(row, labels[row][0]);
                }
            },
            iter: 40,
            threads: 1);
    }

    [Theory]
    [InlineData(NormalizationKind.None)]
    [InlineData(NormalizationKind.Standard)]
    [InlineData(NormalizationKind.MinMax)]
    public void Pixels(NormalizationKind kind)
    {
        using var data = _folder.Open(_folder.Idx(DataFolder.Images(30, 5, 7), DataFolder.Labels(0x801, [.. Enumerable.Range(0, 30).Select(i => (byte)(i % 3))])) with { Normalize = kind });
        var (features, labels) = data.Train.All();
        for (var row = 0; row < 30; row++)
        {
            Assert.Equal(Enumerable.Range(0, 35).Select(i => data.Normalization.Prepare(i, (byte)(((row * 35) + i) * 7))), features[row]);
            Assert.Equal(row % 3, labels[row][0]);
        }
    }

    private static string Text(double value) => double.IsNaN(value) ? "" : value.ToString("R", CultureInfo.InvariantCulture);
}
