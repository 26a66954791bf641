using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class BadCsvTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("x,y\n1,0\nabc,1\n", 3, "'abc' in column x is no number")]
    [InlineData("x,y\n1,0\n1e99,1\n", 3, "'1E+99' in column x is not a finite number")]
    [InlineData("x,y\n1,0\n1e999,1\n", 3, "'1e999' in column x is not a finite number")]
    [InlineData("x,y\n1,0\n-inf,1\n", 3, "column x")]
    [InlineData("x,y\n1,Infinity\n", 2, "'Infinity' in column y is not a finite number")]
    [InlineData("x,y\n1,0\n\n2,1\n,1\n", 5, "no value in column x")]
    [InlineData("x,y\n1,0\nNaN,1\n", 3, "no value in column x")]
    [InlineData("x,y\n1,\n", 2, "no label in column y")]
    [InlineData("x,y\n1,0\n2\n", 3, "1 field, the first line 2")]
    [InlineData("x,y\n1,0\n2,1,3\n", 3, "3 fields, the first line 2")]
    [InlineData("x,n,y\n1,\"two\nlines\",0\nabc,z,1\n", 4, "'abc'")]
    [InlineData("x,y\n1,0\n\"2\"3,0\n", 3, "cannot be read as CSV")]
    [InlineData("x,y\n1,0\n\"2,0\n", 3, "cannot be read as CSV")]
    [InlineData("", 0, "is empty")]
    [InlineData("x,y\n", 0, "has no rows")]
    [InlineData("a,y\n1,0\n", 1, "no column 'x'")]
    [InlineData("x,x,y\n1,2,0\n", 1, "both called 'x'")]
    public void Says_what_is_wrong_and_where(string content, int line, string message)
    {
        var spec = folder.Csv(content, "y") with { Features = content.StartsWith("x,x", StringComparison.Ordinal) ? [] : ["x"] };
        var error = folder.Refused(spec);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal((spec.Train, line), (error.File, error.Line));
    }

    [Fact]
    public void Lines_are_counted_from_one_without_a_header_too()
    {
        var error = folder.Refused(folder.Csv("1,0\nabc,1\n", "1") with { Header = false });
        Assert.Equal((2, "'abc' in column 0 is no number."), (error.Line, error.Message));
        Assert.Contains("is empty", folder.Refused(folder.Csv("", "1") with { Header = false }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_folders_and_columns()
    {
        var spec = folder.Csv("width,height,label\n1,2,0\n", "label");
        Assert.Contains("no such data file", folder.Refused(spec with { Train = folder["none.csv"] }).Message, StringComparison.Ordinal);
        Assert.Contains("folder", folder.Refused(spec with { Train = Path.GetDirectoryName(spec.Train)! }).Message, StringComparison.Ordinal);
        Assert.Equal(folder["none.csv"], folder.Refused(spec with { Validation = folder["none.csv"] }).File);

        var error = folder.Refused(spec with { Labels = ["lable"] });
        Assert.Contains("Did you mean 'label'?", error.Remedy, StringComparison.Ordinal);
        Assert.Contains("width, height, label", error.Remedy, StringComparison.Ordinal);
        Assert.DoesNotContain("Did you mean", folder.Refused(spec with { Labels = ["3"] }).Remedy, StringComparison.Ordinal);
        Assert.Equal(2, Assert.Throws<InputException>(() => folder.Open(spec with { Features = ["Width", "q"] })).Errors.Count);
        Assert.Contains("a feature and a label", folder.Refused(spec with { Features = ["label"] }).Message, StringComparison.Ordinal);
        Assert.Contains("twice", folder.Refused(spec with { Features = ["width", "0"] }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Categories_that_do_not_fit()
    {
        var spec = folder.Csv("c,k\na,u\nb,v\n", "k") with { Categories = ["c", "k"] };
        var feature = folder.Refused(spec with { Validation = folder.Write("v.csv", "c,k\na,u\nz,u\n") });
        Assert.Equal((folder["v.csv"], 3), (feature.File, feature.Line));
        Assert.Contains("'z' in column c does not occur in the training data (a, b)", feature.Message, StringComparison.Ordinal);
        Assert.Contains("'w' in column k", folder.Refused(spec with { Validation = folder.Write("v.csv", "c,k\na,w\n") }).Message, StringComparison.Ordinal);
        Assert.Contains("have d as well", folder.Refused(spec with { Validation = folder.Write("v.csv", "c,d,k\na,1,u\n") }).Message, StringComparison.Ordinal);

        var names = folder.Csv("c,k\n" + string.Concat(Enumerable.Range(0, 1001).Select(i => $"n{i},u\n")), "k") with { Categories = ["c", "k"] };
        Assert.Contains("more than 1000 different texts", folder.Refused(names).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_without_any_value_cannot_be_imputed()
    {
        var spec = folder.Csv("x,z,y\n1,,0\n2,,1\n", "y");
        Assert.Contains("Column z has no value in any training row", folder.Refused(spec with { Missing = MissingPolicy.Median }).Message, StringComparison.Ordinal);
        using var data = folder.Open(spec with { Missing = MissingPolicy.Zero });
        Assert.Equal([2f, 0f], data.Train.Sample(1).Features);
    }

    [Fact]
    public void A_compressed_file_that_is_cut_anywhere_is_refused()
    {
        var packed = DataFolder.Gzip(Encoding.UTF8.GetBytes("x,y\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{i * 0.37},{i % 3}\n"))));
        for (var length = 0; length < packed.Length; length++)
        {
            var error = folder.Refused(new() { Format = DataFormat.Csv, Train = folder.Write("cut.csv.gz", packed[..length]), Labels = ["y"] });
            Assert.Contains(length == 0 ? "is empty" : "ends too early", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_compressed_file_with_a_flipped_bit_is_refused_or_reads_the_same()
    {
        var packed = DataFolder.Gzip(Encoding.UTF8.GetBytes("x,y\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{i * 0.37},{i % 3}\n"))));
        var spec = new DataSpec { Format = DataFormat.Csv, Train = folder.Write("damaged.csv.gz", packed), Labels = ["y"] };
        using var whole = folder.Open(spec);
        var refused = 0;
        for (var at = 0; at < packed.Length; at++)
        {
            var damaged = (byte[])packed.Clone();
            damaged[at] ^= 0x10;
            folder.Write("damaged.csv.gz", damaged);
            try
            {
                // The time in the header and the padding after the last code carry no data.
                using var data = folder.Open(spec);
                Assert.Equal(whole.Train.All().Features, data.Train.All().Features);
            }
            catch (InputException)
            {
                refused++;
            }
        }

        Assert.True(refused >= packed.Length - 10, $"Only {refused} of {packed.Length} were refused.");
    }

    [Theory]
    [InlineData(0.001)]
    [InlineData(0.99)]
    public void A_split_must_leave_rows_on_both_sides(double split) =>
        Assert.Contains("leaves one side empty", folder.Refused(folder.Csv("x,y\n1,0\n2,1\n", "y") with { Split = split }).Message, StringComparison.Ordinal);

    [Fact]
    public void A_cache_that_cannot_be_written_is_named()
    {
        var spec = folder.Csv("x,y\n1,0\n", "y");
        var taken = folder.Write("taken", "");
        var error = Assert.Single(Assert.Throws<InputException>(() => DataSets.Open(spec, LossKind.Mse, 1, taken, TestContext.Current.CancellationToken)).Errors);
        Assert.Equal(taken, error.File);
        Assert.Contains("cannot be written", error.Message, StringComparison.Ordinal);
    }
}
