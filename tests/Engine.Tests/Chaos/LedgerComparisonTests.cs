using Lockstep.Contracts.Runs;
using Lockstep.Engine.Chaos;

namespace Lockstep.Engine.Tests.Chaos;

public sealed class LedgerComparisonTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lockstep-").FullName;

    [Fact]
    public void Finds_equal_ledgers_equal()
    {
        RunFolder one = Run("one", 'a', 'b', 'c');

        Assert.Equal(new LedgerComparison(3, null), LedgerComparison.Of(one, Run("other", 'a', 'b', 'c'), 3));
    }

    [Fact]
    public void Says_which_line_differs_first()
    {
        LedgerComparison comparison = LedgerComparison.Of(Run("one", 'a', 'b', 'c'), Run("other", 'a', 'f', 'd'), 3);

        Assert.StartsWith("line 2: bbbb", comparison.Difference, StringComparison.Ordinal);
        Assert.Contains("ffff", comparison.Difference, StringComparison.Ordinal);
    }

    [Fact]
    public void Does_not_take_a_ledger_that_is_short_or_missing()
    {
        RunFolder whole = Run("one", 'a', 'b');

        Assert.Contains("the disturbed one 1", LedgerComparison.Of(whole, Run("short", 'a'), 2).Difference, StringComparison.Ordinal);
        Assert.Contains("the disturbed one 0", LedgerComparison.Of(whole, new RunFolder(Path.Combine(_root, "none")), 2).Difference, StringComparison.Ordinal);
        Assert.NotNull(LedgerComparison.Of(whole, Run("other", 'a', 'b'), 3).Difference);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private RunFolder Run(string name, params char[] hashes)
    {
        var folder = new RunFolder(Path.Combine(_root, name));
        Directory.CreateDirectory(folder.Path);
        File.WriteAllLines(folder.Ledger, hashes.Select((digit, index) => new LedgerLine(index + 1, new string(digit, 32)).ToJson()));
        return folder;
    }
}
