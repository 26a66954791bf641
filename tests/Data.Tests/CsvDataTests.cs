using System.Text;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class CsvDataTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Reads_columns_by_name_and_by_index_in_the_order_given()
    {
        var spec = folder.Csv("a,b,c,y\n1,2,3,0\n4,5e-1,-6.25,2\n", "y") with { Features = ["c", "0"] };
        using var data = folder.Open(spec, loss: LossKind.CrossEntropy);
        var (features, labels) = data.Train.All();
        Assert.Equal([[3f, 1f], [-6.25f, 4f]], features);
        Assert.Equal([[0f], [2f]], labels);
        Assert.Equal(3, data.Train.Classes);
        Assert.Equal([2], data.Train.SampleShape);
        Assert.Equal(["c", "a"], data.Normalization.Features);
        Assert.Null(data.Validation);
    }

    [Fact]
    public void Reads_files_without_header_with_another_delimiter_quotes_and_a_mark_of_byte_order()
    {
        using var plain = folder.Open(folder.Csv("1;\"2\";3\r\n4; 5 ;6", "2") with { Header = false, Delimiter = ';' });
        Assert.Equal([[1f, 2f], [4f, 5f]], plain.Train.All().Features);
        Assert.Equal([[3f], [6f]], plain.Train.All().Labels);

        using var marked = folder.Open(folder.Csv("\uFEFFa,\"b\ny\"\n1,2\n\n#3,4\n".Replace("#", "", StringComparison.Ordinal), "b\ny"));
        Assert.Equal([[1f], [3f]], marked.Train.All().Features);
    }

    [Fact]
    public void A_row_that_begins_with_a_hash_is_no_comment()
    {
        using var data = folder.Open(folder.Csv("name,x,y\n#1,1,0\nb,2,1\n", "y") with { Categories = ["name"] });
        Assert.Equal([[1f, 0f, 1f], [0f, 1f, 2f]], data.Train.All().Features);
    }

    [Fact]
    public void Several_label_columns_are_no_classes()
    {
        using var data = folder.Open(folder.Csv("x,y,z\n1,0,1\n", "z", "y"));
        Assert.Null(data.Train.Classes);
        Assert.Equal([1f, 0f], data.Train.Sample(0).Labels);
    }

    [Fact]
    public void A_label_is_a_number_where_the_loss_takes_numbers()
    {
        using var data = folder.Open(folder.Csv("x,y\n1,0\n2,1\n", "y"));
        Assert.Null(data.Train.Classes);
    }

    [Fact]
    public void Compressed_and_plain_give_the_same()
    {
        var content = "x,y\n" + string.Concat(Enumerable.Range(0, 5000).Select(i => $"{i * 0.37},{i % 3}\n"));
        using var plain = folder.Open(folder.Csv(content, "y") with { Split = 0.1 });
        using var packed = folder.Open(folder.Csv(content, "y") with { Train = folder.Write("train.csv.gz", DataFolder.Gzip(Encoding.UTF8.GetBytes(content))), Split = 0.1 });
        Assert.Equal(plain.Train.All().Features, packed.Train.All().Features);
        Assert.Equal(plain.Validation!.All().Features, packed.Validation!.All().Features);
        Assert.NotEqual(plain.Fingerprint, packed.Fingerprint);
    }

    [Fact]
    public void Categories_are_flags_in_ordinal_order_and_an_index_as_a_label()
    {
        var spec = folder.Csv("colour,x,kind\nred,1,b\nGreen,2,a\nblue,3,c\nred,4,a\n", "kind") with { Categories = ["kind", "colour"], Normalize = NormalizationKind.Standard };
        using var data = folder.Open(spec);
        Assert.Equal(["colour=Green", "colour=blue", "colour=red", "x"], data.Normalization.Features);
        Assert.Equal(["a", "b", "c"], data.Normalization.ClassNames);
        Assert.Equal(3, data.Train.Classes);
        var (features, labels) = data.Train.All();
        Assert.Equal([[1f], [0f], [2f], [0f]], labels);
        Assert.Equal([0f, 0f, 1f], features[0][..3]);
        Assert.Equal([1f, 0f, 0f], features[1][..3]);
        Assert.Equal((1 - 2.5f) / MathF.Sqrt(1.25f), features[0][3], 1e-6f);
    }

    [Fact]
    public void A_validation_file_is_read_with_the_categories_and_statistics_of_the_training_data()
    {
        var spec = folder.Csv("colour,x,kind\nred,1,b\ngreen,3,a\nblue,5,c\n", "kind") with
        {
            Categories = ["kind", "colour"],
            Normalize = NormalizationKind.MinMax,
            Missing = MissingPolicy.Mean,
            Features = ["colour", "x"],
            // Columns in another order, without 'green' and 'a', and with gaps that the training data do not have.
            Validation = folder.Write("validation.csv", "x,kind,colour\n7,c,red\n,b,blue\n"),
        };
        using var data = folder.Open(spec);
        Assert.Equal([[0f, 0f, 1f, 1.5f], [1f, 0f, 0f, 0.5f]], data.Validation!.All().Features);
        Assert.Equal([[2f], [1f]], data.Validation!.All().Labels);
        Assert.Equal(3, data.Validation!.Classes);
    }

    [Fact]
    public void Classes_of_numbers_are_counted_over_both_files()
    {
        var spec = folder.Csv("x,y\n1,1\n2,0\n3,1.0\n", "y");
        using var more = folder.Open(spec with { Validation = folder.Write("more.csv", "x,y\n1,3\n") }, loss: LossKind.CrossEntropy);
        Assert.Equal((4, 4), (more.Train.Classes, more.Validation!.Classes));
        Assert.Equal([[1f], [0f], [1f]], more.Train.All().Labels);
        Assert.Equal([[3f]], more.Validation.All().Labels);
        using var fewer = folder.Open(spec with { Validation = folder.Write("fewer.csv", "x,y\n1,0\n") }, loss: LossKind.CrossEntropy);
        Assert.Equal((2, 2), (fewer.Train.Classes, fewer.Validation!.Classes));
        var number = folder.Refused(spec with { Validation = folder.Write("number.csv", "x,y\n1,0.5\n") }, LossKind.CrossEntropy);
        Assert.Equal(("number.csv", 2), (Path.GetFileName(number.File), number.Line));
    }

    [Theory]
    [InlineData(MissingPolicy.Mean, 4)]
    [InlineData(MissingPolicy.Median, 2.5)]
    [InlineData(MissingPolicy.Zero, 0)]
    public void Missing_numbers_are_imputed_and_a_missing_category_has_no_flag(MissingPolicy policy, double expected)
    {
        var spec = folder.Csv("x,c,y\n1,a,0\n,b,0\n2,,0\nNA,b,0\n3,b,0\n10,?,0\n", "y") with { Missing = policy, Categories = ["c"] };
        using var data = folder.Open(spec);
        var features = data.Train.All().Features;
        Assert.Equal((float)expected, features[1][0]);
        Assert.Equal((float)expected, features[3][0]);
        Assert.Equal([10f, 0f, 0f], features[5]);
        Assert.Equal(["x", "c=a", "c=b"], data.Normalization.Features);
    }

    [Fact]
    public void The_median_is_exact_for_every_sign_and_size()
    {
        var values = Enumerable.Range(0, 999).Select(i => (float)(Math.Sin(i * 1.7) * Math.Pow(10, (i % 40) - 20))).ToArray();
        foreach (var count in new[] { 1, 2, 3, 998, 999 })
        {
            var part = values[..count];
            using var data = folder.Open(folder.Csv("x,y\n,0\n" + string.Concat(part.Select(v => FormattableString.Invariant($"{v:R},0\n"))), "y") with { Missing = MissingPolicy.Median });
            Array.Sort(part);
            var expected = (float)(((double)part[(count - 1) / 2] + part[count / 2]) / 2);
            Assert.Equal(expected, data.Train.Sample(0).Features[0]);
        }
    }
}
