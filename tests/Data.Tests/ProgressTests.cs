using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class ProgressTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_large_file_is_told_of_while_it_is_looked_through_and_one_that_is_known_is_not(bool compressed)
    {
        DataSpec spec = _folder.Csv("x,y\n" + string.Concat(Enumerable.Range(0, 400_000).Select(i => FormattableString.Invariant($"{Math.Sin(i):R},{i % 3}\n"))), "y");
        if (compressed)
        {
            spec = spec with { Train = _folder.Write("train.csv.gz", DataFolder.Gzip(File.ReadAllBytes(spec.Train))) };
        }

        var told = new Told();
        DataSets.Open(spec, LossKind.CrossEntropy, 1, _folder.Cache, TestContext.Current.CancellationToken, told).Dispose();
        foreach (string doing in new[] { "hashing", "reading", "statistics" })
        {
            DataProgress[] parts = [.. told.All.Where(p => p.Doing == doing)];
            Assert.True(parts.Length >= 3, $"{doing}: {string.Join(", ", parts.Select(p => p.Done))}");
            Assert.All(parts, part => Assert.InRange(part.Done, 0, part.Total));
            Assert.All(parts, part => Assert.Equal(spec.Train, part.File));
            if (doing != "statistics")
            {
                Assert.Equal(parts.Select(p => p.Done).Order(), parts.Select(p => p.Done));
                Assert.InRange(parts[^1].Done, parts[^1].Total - (2 << 20), parts[^1].Total);
            }
        }

        told.All.Clear();
        DataSets.Open(spec, LossKind.CrossEntropy, 1, _folder.Cache, TestContext.Current.CancellationToken, told).Dispose();
        Assert.DoesNotContain(told.All, part => part.Doing is "reading" or "statistics");
    }

    private sealed class Told : IProgress<DataProgress>
    {
        public List<DataProgress> All { get; } = [];

        public void Report(DataProgress value) => All.Add(value);
    }
}
