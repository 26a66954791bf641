using System.Text;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class JsonDataTests : IDisposable
{
    private readonly DataFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Lines_are_rows_and_keys_are_columns()
    {
        const string Text = """
            {"size": 1.5, "colour": "red", "sold": true, "price": 3}

            {"colour": "blue", "price": -2e1, "size": 0.25, "sold": false}
            {"size": 7, "colour": "red", "sold": true, "price": 4, }
            """;
        string good = Text.Replace(", }", "}", StringComparison.Ordinal);
        using var data = folder.Open(Json(good, "price") with { Categories = ["colour"] });
        Assert.Equal(["size", "colour=blue", "colour=red", "sold"], data.Normalization.Features);
        Assert.Equal([[1.5f, 0, 1, 1], [0.25f, 1, 0, 0], [7f, 0, 1, 1]], data.Train.All().Features);
        Assert.Equal([[3f], [-20f], [4f]], data.Train.All().Labels);

        using var packed = folder.Open(Json("", "price") with { Train = folder.Write("packed.jsonl.gz", DataFolder.Gzip([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(good.Replace("\n", "\r\n", StringComparison.Ordinal))])), Categories = ["colour"] });
        Assert.Equal(data.Train.All().Features, packed.Train.All().Features);

        var error = folder.Refused(Json(Text, "price") with { Categories = ["colour"] });
        Assert.Equal((folder["data.jsonl"], 4), (error.File, error.Line));
        Assert.StartsWith("The line is no object of JSON: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_line_lacks_is_a_missing_value()
    {
        var spec = Json("{\"a\": 1, \"y\": 0}\n{\"y\": 1}\n{\"a\": null, \"y\": 2}\n", "y");
        var error = folder.Refused(spec);
        Assert.Equal((2, "There is no value in column a. One more row has this, the next in line 3."), (error.Line, error.Message));
        using var data = folder.Open(spec with { Missing = MissingPolicy.Zero });
        Assert.Equal([[1f], [0f], [0f]], data.Train.All().Features);
    }

    [Theory]
    [InlineData("{\"a\": 1, \"y\": 0}\n{\"a\": 2, \"y\": 0, \"b\": 3}", 2, "The key 'b' is none of the first line's.")]
    [InlineData("{\"a\": 1, \"y\": 0}\n{\"a\": [1, 2], \"y\": 0}", 2, "The key 'a' holds a list, which is no single value.")]
    [InlineData("{\"a\": {\"b\": 1}, \"y\": 0}", 1, "The key 'a' holds an object, which is no single value.")]
    [InlineData("{\"a\": 1, \"a\": 2, \"y\": 0}", 1, "The columns 0 and 1 are both called 'a'.")]
    [InlineData("{\"a\": 1, \"y\": 0}\n{\"a\": 2, \"y\": 0, \"y\": 1}", 2, "The key 'y' is there twice.")]
    [InlineData("{\"a\": 1, \"y\": 0}\n[1, 2]", 2, "The line is no object of JSON: It is no object.")]
    [InlineData("{\"a\": \"x\", \"y\": 0}", 1, "'x' in column a is no number.")]
    [InlineData("{\"a\": 1, \"y\": \"NaN\"}", 1, "There is no label in column y.")]
    [InlineData("{\"a\": 1}", 1, "There is no column 'y', which 'data.labels' names.")]
    [InlineData("", 0, "The file is empty.")]
    [InlineData("{\"a\": \"\\ud800\", \"y\": 0}", 1, "A text of the line is no UTF-8.")]
    public void Says_what_is_wrong_and_where(string text, int line, string message)
    {
        var error = folder.Refused(Json(text, "y"));
        Assert.Equal((folder["data.jsonl"], line), (error.File, error.Line));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_longer_line_than_the_buffer_is_read()
    {
        string lengthy = new('x', 200_000);
        using var data = folder.Open(Json($"{{\"a\": 1, \"b\": \"{lengthy}\", \"y\": 0}}\n{{\"a\": 2, \"b\": \"z\", \"y\": 1}}\n", "y") with { Features = ["a"] });
        Assert.Equal([[1f], [2f]], data.Train.All().Features);
    }

    private DataSpec Json(string text, params string[] labels) => new() { Format = DataFormat.JsonLines, Train = folder.Write("data.jsonl", text), Labels = labels };
}
