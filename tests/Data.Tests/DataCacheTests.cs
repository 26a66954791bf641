using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class DataCacheTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void An_entry_is_made_once_and_again_when_source_or_options_change()
    {
        var spec = folder.Csv("x,y\n1,0\n2,1\n", "y") with { Normalize = NormalizationKind.Standard };
        var first = Fingerprint(spec);
        var made = Rows();
        Assert.Single(made);
        Assert.Equal(first, Fingerprint(spec with { Train = folder.Write("copy.csv", File.ReadAllText(spec.Train)) }));
        Assert.Equal(made, Rows());

        Assert.NotEqual(first, Fingerprint(spec with { Normalize = NormalizationKind.MinMax }));
        Assert.Equal(made, Rows());
        Assert.NotEqual(first, Fingerprint(spec with { Labels = ["x"] }));
        Assert.NotEqual(first, Fingerprint(spec with { Validation = spec.Train }));
        folder.Write("train.csv", "x,y\n1,0\n2,2\n");
        Assert.NotEqual(first, Fingerprint(spec));
        Assert.Equal(4, Rows().Count);

        string Fingerprint(DataSpec data)
        {
            using var opened = folder.Open(data);
            Assert.Equal(opened.Fingerprint, opened.Train.Fingerprint);
            Assert.Matches("^[0-9a-f]{64}$", opened.Fingerprint);
            return opened.Fingerprint;
        }
    }

    [Fact]
    public void Nobody_else_can_read_it()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("There are no modes of files.");
            return;
        }

        folder.Open(folder.Csv("x,y\n1,0\n2,1\n", "y") with { Normalize = NormalizationKind.Standard }).Dispose();

        const UnixFileMode Others = ~(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.NotEmpty(Directory.EnumerateFiles(folder.Cache));
        foreach (string path in Directory.EnumerateFileSystemEntries(folder.Cache).Append(folder.Cache))
        {
            Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(path) & Others);
        }
    }

    [Fact]
    public void A_damaged_entry_is_made_again()
    {
        var spec = folder.Csv("x,y\n1,0\n2,1\n", "y");
        Check();
        foreach (var ending in new[] { "*.rows", "*.json", "*.stats" })
        {
            var file = Assert.Single(Directory.GetFiles(folder.Cache, ending));
            File.WriteAllBytes(file, File.ReadAllBytes(file)[..^1]);
            Check();
            File.Delete(file);
            Check();
        }

        void Check()
        {
            using var data = folder.Open(spec);
            Assert.Equal([[1f], [2f]], data.Train.All().Features);
        }
    }

    [Fact]
    public void Many_at_once_make_one_entry()
    {
        var spec = folder.Csv("x,y\n" + string.Concat(Enumerable.Range(0, 3000).Select(i => $"{i},{i % 7}\n")), "y") with { Split = 0.2, Normalize = NormalizationKind.Standard };
        var sums = new double[8];
        var prints = new string[8];
        using var barrier = new Barrier(8);
        var threads = Enumerable.Range(0, 8).Select(n => new Thread(() =>
        {
            barrier.SignalAndWait();
            using var data = DataSets.Open(spec, LossKind.Mse, 1, folder.Cache, CancellationToken.None);
            sums[n] = data.Train.All().Features.Sum(f => (double)f[0]);
            prints[n] = data.Fingerprint;
        })).ToArray();
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Single(sums.Distinct());
        Assert.Single(prints.Distinct());
        Assert.Single(Rows());
        Assert.Empty(Directory.GetFiles(folder.Cache, "*.tmp"));
    }

    [Fact]
    public void What_a_process_left_behind_that_died_while_writing_does_no_harm()
    {
        var spec = folder.Csv("x,y\n1,0\n2,1\n", "y");
        folder.Open(spec).Dispose();
        var rows = Assert.Single(Rows());
        File.Move(rows, rows + ".tmp");
        File.Delete(Path.ChangeExtension(rows, ".json"));
        using var data = folder.Open(spec);
        Assert.Equal([[1f], [2f]], data.Train.All().Features);
        Assert.Empty(Directory.GetFiles(folder.Cache, "*.tmp"));
    }

    [Fact]
    public void A_file_that_is_refused_leaves_nothing()
    {
        var spec = folder.Csv("x,y\n1,0\nabc,1\n", "y");
        Assert.Throws<InputException>(() => folder.Open(spec));
        Assert.All(Directory.GetFiles(folder.Cache), f => Assert.Contains(Path.GetExtension(f), new[] { ".lock", ".hash" }));
    }

    [Fact]
    public void Whoever_waits_for_another_process_can_be_cancelled()
    {
        var spec = folder.Csv("x,y\n1,0\n", "y");
        folder.Open(spec).Dispose();
        File.Delete(Assert.Single(Rows()));
        var path = Assert.Single(Directory.GetFiles(folder.Cache, "*.lock"), f => File.Exists(Path.ChangeExtension(f, ".json")));
        using var held = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        Assert.Throws<OperationCanceledException>(() => DataSets.Open(spec, LossKind.Mse, 1, folder.Cache, cancellation.Token));
    }

    [Fact]
    public void A_file_is_hashed_once_for_as_long_as_its_size_and_time_are_the_same()
    {
        var spec = folder.Csv("x,y\n1,0\n2,1\n", "y");
        var long_ago = new DateTime(2020, 2, 2, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(spec.Train, long_ago);
        var first = Fingerprint();
        Assert.Single(Directory.GetFiles(folder.Cache, "*.hash"));

        // Whoever changes a file behind its time is not noticed: it was not read again.
        File.WriteAllText(spec.Train, "x,y\n1,0\n2,2\n");
        File.SetLastWriteTimeUtc(spec.Train, long_ago);
        Assert.Equal(first, Fingerprint());
        File.SetLastWriteTimeUtc(spec.Train, long_ago.AddSeconds(1));
        var second = Fingerprint();
        Assert.NotEqual(first, second);

        // Too new to be told from a change within the same tick.
        File.WriteAllText(spec.Train, "x,y\n1,0\n2,3\n");
        var time = File.GetLastWriteTimeUtc(spec.Train);
        var third = Fingerprint();
        File.WriteAllText(spec.Train, "x,y\n1,0\n2,4\n");
        File.SetLastWriteTimeUtc(spec.Train, time);
        Assert.Equal(4, new[] { first, second, third, Fingerprint() }.Distinct().Count());

        string Fingerprint()
        {
            using var opened = folder.Open(spec);
            return opened.Fingerprint;
        }
    }

    [Fact]
    public void Whoever_makes_an_entry_removes_those_that_nobody_used_for_a_month()
    {
        folder.Open(folder.Csv("x,y\n1,0\n", "y")).Dispose();
        folder.Open(folder.Csv("x,y\n2,0\n", "y")).Dispose();
        var unused = Rows();
        Assert.Equal(2, unused.Count);
        foreach (var file in Directory.GetFiles(folder.Cache))
        {
            File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddDays(-40));
        }

        // One is used again: it stays, old as its files are.
        folder.Open(folder.Csv("x,y\n2,0\n", "y")).Dispose();
        var before = Directory.GetFiles(folder.Cache).Length;
        folder.Open(folder.Csv("x,y\n3,0\n", "y")).Dispose();
        Assert.Equal(2, Rows().Count);
        Assert.Single(Rows(), unused.Contains);
        Assert.InRange(Directory.GetFiles(folder.Cache).Length, 1, before + 3);
    }

    [Fact]
    public void What_was_not_used_for_longest_makes_room()
    {
        folder.Open(folder.Csv("x,y\n1,0\n", "y")).Dispose();
        folder.Open(folder.Csv("x,y\n2,0\n", "y")).Dispose();
        string key = Path.GetFileNameWithoutExtension(Rows()[0]);
        foreach (string file in Directory.GetFiles(folder.Cache))
        {
            File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddDays(Path.GetFileName(file).StartsWith(key, StringComparison.Ordinal) ? -2 : -1));
        }

        folder.Open(folder.Csv("x,y\n3,0\n", "y")).Dispose();
        Assert.Equal(3, Rows().Count);
        string last = Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles(folder.Cache, "*.rows"), path => File.GetLastWriteTimeUtc(path) == Directory.GetFiles(folder.Cache, "*.rows").Max(File.GetLastWriteTimeUtc)));
        long all = Directory.GetFiles(folder.Cache).Sum(path => new FileInfo(path).Length);
        CacheUpkeep.Sweep(folder.Cache, last, all - 1);
        Assert.Equal(2, Rows().Count);
        Assert.DoesNotContain(Rows(), path => Path.GetFileNameWithoutExtension(path) == key);
        CacheUpkeep.Sweep(folder.Cache, last, 1);
        Assert.Equal(last, Path.GetFileNameWithoutExtension(Assert.Single(Rows())));
    }

    [Fact]
    public void Rows_that_are_not_what_was_written_are_never_read_and_made_again()
    {
        // More than two blocks of hashes; the damage is in the last.
        var spec = folder.Csv("x,y\n" + string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{i},0\n")), "y");
        folder.Open(spec).Dispose();
        using (var rows = new FileStream(Assert.Single(Rows()), FileMode.Open, FileAccess.Write))
        {
            rows.Position = 16 * 19_000;
            rows.WriteByte(0xAB);
        }

        using (var data = folder.Open(spec))
        {
            Assert.Equal(7f, data.Train.Sample(7).Features[0]);
            Assert.Contains("are not what was written", Assert.Throws<InvalidDataException>(() => data.Train.Sample(18_999)).Message, StringComparison.Ordinal);
        }

        using var again = folder.Open(spec);
        Assert.Equal(18_999f, again.Train.Sample(18_999).Features[0]);

        File.Delete(Assert.Single(Directory.GetFiles(folder.Cache, "*.stats")));
        using (var rows = new FileStream(Assert.Single(Rows()), FileMode.Open, FileAccess.Write))
        {
            rows.Position = 16 * 19_000;
            rows.WriteByte(0xAB);
        }

        Assert.Contains("are not what was written", Assert.Throws<InvalidDataException>(() => folder.Open(spec with { Normalize = NormalizationKind.Standard })).Message, StringComparison.Ordinal);
        folder.Open(spec with { Normalize = NormalizationKind.Standard }).Dispose();
    }

    [Fact]
    public void A_file_that_is_cut_off_while_in_use_is_told()
    {
        var spec = folder.Csv("x,y\n" + string.Concat(Enumerable.Range(0, 3000).Select(i => $"{i},0\n")), "y");
        using var data = folder.Open(spec);
        using (var rows = new FileStream(Assert.Single(Rows()), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            rows.SetLength(100);
        }

        Assert.Contains("cut off", Assert.Throws<InvalidDataException>(() => data.Train.Sample(2000)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_that_are_closed_are_not_read()
    {
        var data = folder.Open(folder.Csv("x,y\n1,0\n", "y"));
        data.Dispose();
        Assert.Throws<ObjectDisposedException>(() => data.Train.Sample(0));
    }

    private List<string> Rows() => [.. Directory.GetFiles(folder.Cache, "*.rows").Order()];
}
