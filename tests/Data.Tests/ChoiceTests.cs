using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

/// <summary>What a job can say of a CSV file.</summary>
public sealed class ChoiceTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Columns_are_excluded_by_name_and_counted_from_the_end()
    {
        using OpenedData data = _folder.Open(_folder.Csv("Id,a,b,y\nx7,1,2,3\n", "-1") with { Exclude = ["Id", "-2"] });
        Assert.Equal(["a"], data.Normalization.Features);
        Assert.Equal([3f], data.Train.Sample(0).Labels);
        Assert.Contains("no column '-5'", _folder.Refused(_folder.Csv("a,y\n1,2\n", "-5")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_with_texts_are_found_wherever_the_first_one_stands()
    {
        string rows = string.Concat(Enumerable.Range(0, 3000).Select(i => $"{i % 7},{(i == 2500 ? "?" : i % 3)},{(i % 2 == 0 ? "red" : "1")},{(i == 2999 ? "late" : i % 2)},{i}\n"));
        DataSpec spec = _folder.Csv("n,gap,colour,mostly,y\n" + rows, "y") with { Categories = ["auto"], Missing = MissingPolicy.Median };
        using OpenedData data = _folder.Open(spec with { Validation = _folder.Write("v.csv", "n,gap,colour,mostly,y\n1,2,1,0,5\n") });
        Assert.Equal(["n", "gap", "colour=1", "colour=red", "mostly=0", "mostly=1", "mostly=late"], data.Normalization.Features);
        Assert.Equal([0f, 1f], data.Train.Sample(2998).Features[2..4]);
        Assert.Equal([0f, 0f, 1f], data.Train.Sample(2999).Features[4..]);
        Assert.Equal([1f, 2f, 1f, 0f, 1f, 0f, 0f], data.Validation!.Sample(0).Features);
    }

    [Fact]
    public void Labels_of_text_are_classes_and_need_not_be_listed()
    {
        using OpenedData data = _folder.Open(_folder.Csv("x,y\n1,no\n2,yes\n3,no\n", "y"), loss: LossKind.BinaryCrossEntropy);
        Assert.Equal(["no", "yes"], data.Normalization.ClassNames);
        Assert.Equal([[0f], [1f], [0f]], data.Train.All().Labels);
        using OpenedData mixed = _folder.Open(_folder.Csv("x,y\n1,-3\n2,x\n3,10\n", "y"), loss: LossKind.CrossEntropy);
        Assert.Equal(["-3", "10", "x"], mixed.Normalization.ClassNames);
        Assert.Equal([[0f], [2f], [1f]], mixed.Train.All().Labels);
        Assert.Contains("'no' in column y is no number", _folder.Refused(_folder.Csv("x,y\n1,no\n", "y")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1\n-1\n", 3, "'-1' in column y is negative, and classes are 0, 1, 2")]
    [InlineData("0\n1000000\n", 3, "'1000000' in column y is 10000 or more")]
    [InlineData("0\n0.5\n", 3, "'0.5' in column y is no whole number")]
    [InlineData("1\n3\n2\n", 0, "The classes in column y are 1, 2, 3, and none is 0.")]
    public void Numbers_that_are_no_classes_are_told_with_the_change_that_makes_them_so(string labels, int line, string message)
    {
        DataSpec spec = _folder.Csv("y,x\n" + labels.Replace("\n", ",1\n", StringComparison.Ordinal), "y");
        InputError error = _folder.Refused(spec, LossKind.CrossEntropy);
        Assert.Equal(line, error.Line);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("'categories'", error.Remedy, StringComparison.Ordinal);
        using OpenedData data = _folder.Open(spec with { Categories = ["y"] }, loss: LossKind.CrossEntropy);
        Assert.Equal(labels.Count(c => c == '\n'), data.Train.Classes);
    }

    [Fact]
    public void Decimal_commas_and_thousands_are_read_where_they_are_said_and_proposed_where_not()
    {
        DataSpec spec = _folder.Csv("x;y\n1.234,5;2\n-7,25;1\n", "y") with { Delimiter = ';' };
        using OpenedData data = _folder.Open(spec with { Decimal = ',', Thousands = '.' });
        Assert.Equal([[1234.5f], [-7.25f]], data.Train.All().Features);
        Assert.Contains("'decimal: \",\"' with 'thousands: \".\"' would read it", _folder.Refused(spec).Remedy, StringComparison.Ordinal);
        Assert.Contains("'thousands: \",\"' would read it", _folder.Refused(_folder.Csv("x,y\n\"1,234,567.5\",1\n", "y")).Remedy, StringComparison.Ordinal);
        Assert.Contains("'decimal: \",\"' would read it", _folder.Refused(_folder.Csv("x,y\n\"1,5\",1\n", "y")).Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Texts_that_mean_no_value_can_be_chosen()
    {
        DataSpec spec = _folder.Csv("x,c,y\n-999,NA,0\n4,b,1\n,b,1\n", "y") with { Missing = MissingPolicy.Zero, MissingValues = ["-999"], Categories = ["c"] };
        using OpenedData data = _folder.Open(spec);
        Assert.Equal(["x", "c=NA", "c=b"], data.Normalization.Features);
        Assert.Equal([[0f, 1f, 0f], [4f, 0f, 1f], [0f, 0f, 1f]], data.Train.All().Features);
        Assert.Contains("'NA' in column c is no number", _folder.Refused(spec with { Categories = [] }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_category_is_one_of_its_own_or_has_no_flag_or_is_refused()
    {
        DataSpec spec = _folder.Csv("c,y\na,0\n,1\nNA,1\n", "y") with { Categories = ["c"] };
        using OpenedData own = _folder.Open(spec with { MissingCategory = MissingCategoryPolicy.Own });
        Assert.Equal(["c=", "c=a"], own.Normalization.Features);
        Assert.Equal([[0f, 1f], [1f, 0f], [1f, 0f]], own.Train.All().Features);
        using OpenedData zero = _folder.Open(spec with { MissingCategory = MissingCategoryPolicy.Zero });
        Assert.Equal([[1f], [0f], [0f]], zero.Train.All().Features);
        InputError error = _folder.Refused(spec);
        Assert.Equal((3, "There is no value in column c. One more row has this, the next in line 4."), (error.Line, error.Message));
        Assert.Contains("'missingCategory'", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_category_that_only_later_data_have_is_refused_or_has_no_flag()
    {
        DataSpec spec = _folder.Csv("c,y\na,0\nb,1\n", "y") with { Categories = ["c"], Validation = _folder.Write("v.csv", "c,y\nz,0\nb,1\n") };
        using OpenedData data = _folder.Open(spec with { Unknown = UnknownPolicy.Ignore });
        Assert.Equal([[0f, 0f], [0f, 1f]], data.Validation!.All().Features);
        Assert.Contains("'unknown: ignore'", _folder.Refused(spec).Remedy, StringComparison.Ordinal);
        var labels = _folder.Csv("x,y\n1,a\n", "y") with { Validation = _folder.Write("w.csv", "x,y\n1,z\n"), Unknown = UnknownPolicy.Ignore };
        Assert.Contains("'z' in column y does not occur", _folder.Refused(labels, LossKind.CrossEntropy).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_rows_of_several_files_follow_each_other()
    {
        DataSpec spec = _folder.Csv("a,c,y\n1,u,0\n", "y") with { Categories = ["c"], TrainMore = [_folder.Write("2.csv", "y,c,a\n5,v,2\n"), _folder.Write("3.csv", "a,c,y\n3,u,6\n")] };
        using OpenedData data = _folder.Open(spec);
        Assert.Equal([[1f, 1f, 0f], [2f, 0f, 1f], [3f, 1f, 0f]], data.Train.All().Features);
        Assert.Equal([[0f], [5f], [6f]], data.Train.All().Labels);
        using OpenedData other = _folder.Open(spec with { TrainMore = [.. spec.TrainMore.Reverse()] });
        Assert.NotEqual(data.Fingerprint, other.Fingerprint);

        InputError fault = _folder.Refused(spec with { TrainMore = [_folder.Write("bad.csv", "a,c,y\nx,u,0\nx,u,0\n")] });
        Assert.Equal(("bad.csv", 2), (Path.GetFileName(fault.File), fault.Line));
        InputError lacking = _folder.Refused(spec with { TrainMore = [_folder.Write("less.csv", "a,y\n1,0\n")] });
        Assert.Contains("lacks the columns c", lacking.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_columns_and_kinds_of_fault_are_told_at_once_with_their_first_places()
    {
        var errors = Assert.Throws<InputException>(() => _folder.Open(_folder.Csv("a,b,y\n1,q,0\nz,2,\n1\nw,,1\nv,1e999,1\n", "y"))).Errors;
        Assert.Equal([2, 3, 3, 4, 5, 6], errors.Select(e => e.Line));
        Assert.Equal("'z' in column a is no number. 2 more rows have this, the next in line 5.", errors[1].Message);
        var many = Assert.Throws<InputException>(() => _folder.Open(_folder.Csv(string.Join(',', Enumerable.Range(0, 500).Select(i => $"c{i}")) + "\n" + string.Join(',', Enumerable.Repeat("?!", 500)) + "\n", "0"))).Errors;
        Assert.Equal(21, many.Count);
        Assert.Contains("480 more columns and kinds of fault", many[^1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_that_is_not_there_or_not_said_is_proposed()
    {
        Assert.Contains("'header: false'", _folder.Refused(_folder.Csv("1,2,0\n3,4,1\n", "y")).Remedy, StringComparison.Ordinal);
        var error = Assert.Throws<InputException>(() => _folder.Open(_folder.Csv("a,y\n3,4\n", "1") with { Header = false })).Errors[0];
        Assert.Contains("'header: true'", error.Remedy, StringComparison.Ordinal);
        Assert.Contains("no value in column 0", _folder.Refused(_folder.Csv(",x,y\n,1,2\n", "y")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_of_other_kinds_are_named_and_gzip_is_known_by_its_beginning()
    {
        using OpenedData data = _folder.Open(new() { Format = DataFormat.Csv, Train = _folder.Write("packed.csv", DataFolder.Gzip("x,y\n1,2\n"u8.ToArray())), Labels = ["y"] });
        Assert.Equal([[1f]], data.Train.All().Features);
        foreach ((byte[] start, string kind) in new (byte[], string)[] { ([0x50, 0x4B, 3, 4, 0], "a zip archive or a spreadsheet"), ("PAR1"u8.ToArray(), "a Parquet file"), ([0x28, 0xB5, 0x2F, 0xFD], "compressed by zstd") })
        {
            Assert.Equal($"The file is {kind}.", _folder.Refused(new() { Format = DataFormat.Csv, Train = _folder.Write("other.csv", start), Labels = ["y"] }).Message);
        }

        InputError binary = _folder.Refused(new() { Format = DataFormat.Csv, Train = _folder.Write("binary.csv", [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0xFF, 0xFE, 0x1B, 0x5B]), Labels = ["y"] });
        Assert.DoesNotContain(binary.ToString(), char.IsControl);
    }

    [Fact]
    public void What_never_ends_is_no_data()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Devices are told apart on Linux.");
        Assert.Equal("This is a device, not a file.", _folder.Refused(new() { Format = DataFormat.Csv, Train = "/dev/zero", Labels = ["y"] }).Message);
    }

    [Fact]
    public void Memory_grows_with_the_number_of_columns_and_not_with_its_square()
    {
        long few = Allocated(20_000), many = Allocated(80_000);
        Assert.InRange(many, few, 5 * few);

        long Allocated(int columns)
        {
            string text = string.Join('\n', Enumerable.Range(0, 4).Select(row => string.Join(',', Enumerable.Range(0, columns).Select(i => row == 0 ? $"c{i}" : $"{(i + row) % 10}"))));
            DataSpec spec = _folder.Csv(text, "-1") with { Normalize = NormalizationKind.Standard, Features = [.. Enumerable.Range(0, columns - 1).Select(i => $"c{i}")] };
            long before = GC.GetAllocatedBytesForCurrentThread();
            using OpenedData data = _folder.Open(spec);
            Assert.Equal(columns - 1, data.Train.FeatureCount);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }
}
