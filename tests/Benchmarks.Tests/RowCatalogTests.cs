using Lockstep.Contracts;
using Lockstep.SystemBenchmark;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.Benchmarks.Tests;

public class RowCatalogTests
{
    [Fact]
    public void AWholeNumberStandsForItsPartsAsWell()
    {
        Assert.Equal(["3", "3.1"], Numbers("3"));
        Assert.Equal(["13", "13.1"], Numbers("13"));
        Assert.Equal(["3.1", "5", "5.1", "5.2"], Numbers("5, 3.1"));
        Assert.Equal(RowCatalog.All, RowCatalog.Find(null));
    }

    [Theory]
    [InlineData("33")]
    [InlineData("3,1.5")]
    [InlineData("1e1")]
    [InlineData("")]
    public void ARowThatIsNoneIsRefusedWithThoseThatAre(string numbers)
    {
        InputException exception = Assert.Throws<InputException>(() => RowCatalog.Find(numbers));
        Assert.Contains("--rows", exception.Message, StringComparison.Ordinal);
        Assert.Contains("3.1", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NumbersAreUniqueAndEveryRowPromisesSomething()
    {
        Assert.Equal(RowCatalog.All.Count, RowCatalog.All.Select(row => row.Number).Distinct().Count());
        Assert.All(RowCatalog.All, row => Assert.NotNull(row.Grpc ?? row.Shared));
        Assert.All(RowCatalog.All, row => Assert.NotEmpty(row.Contenders));
    }

    [Theory]
    [InlineData(4, false)]
    [InlineData(0, true)]
    public void TooFewRoundsAreRefused(int rounds, bool quick) =>
        Assert.Contains("--rounds", Assert.Throws<InputException>(() => SystemOptions.Check(null, rounds, quick)).Message, StringComparison.Ordinal);

    private static IEnumerable<string> Numbers(string numbers) => RowCatalog.Find(numbers).Select(row => row.Number);
}
