using System.Text;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data.Tests;

public sealed class EncodingTests : IDisposable
{
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("iso-8859-1", "x,animal\n1,Bär\n2,Bör\n", 2, 4, "Bär")]
    [InlineData("windows-1252", "x,animal\n1,cat\n2,“Bär”\n", 3, 3, "“Bär”")]
    [InlineData("windows-1251", "x,animal\n1,cat\n2,медведь\n", 3, 3, "медведь")]
    [InlineData("iso-8859-1", "x,Größe\n1,a\n", 1, 5, "Größe")]
    public void Bytes_that_are_no_utf_8_are_refused_with_their_place_and_the_encoding_that_fits(string encoding, string text, int line, int column, string word)
    {
        var error = _folder.Refused(Animals(encoding, text));
        Assert.Equal(line, error.Line);
        Assert.Contains($"at column {column} is no UTF-8", error.Message, StringComparison.Ordinal);
        Assert.Contains($"fit {encoding}", error.Remedy, StringComparison.Ordinal);
        Assert.Contains($"'{word}'", error.Remedy, StringComparison.Ordinal);
        Assert.Contains($"'data.encoding: {encoding}'", error.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("iso-8859-1")]
    [InlineData("windows-1252")]
    [InlineData("utf-8")]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    public void What_an_encoding_was_named_for_is_read_by_it(string encoding)
    {
        using OpenedData data = _folder.Open(Animals(encoding, "x,animal\n1,Bär\n2,Bör\n") with { Encoding = encoding });
        Assert.Equal(["Bär", "Bör"], data.Normalization.ClassNames);
        Assert.Equal(2, data.Train.Classes);
    }

    [Fact]
    public void Shift_jis_is_proposed_and_read()
    {
        DataSpec spec = Animals("shift_jis", "x,animal\n1,クマ\n2,ネコ\n");
        Assert.Contains("fit shift_jis", _folder.Refused(spec).Remedy, StringComparison.Ordinal);
        using OpenedData data = _folder.Open(spec with { Encoding = "shift_jis" });
        Assert.Equal(["クマ", "ネコ"], data.Normalization.ClassNames);
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    public void A_mark_of_byte_order_says_the_encoding(string encoding)
    {
        using OpenedData data = _folder.Open(Animals(encoding, "\uFEFFx,animal\n1,Bär\n2,Bör\n"));
        Assert.Equal(["Bär", "Bör"], data.Normalization.ClassNames);
    }

    [Fact]
    public void Half_a_character_is_refused_after_a_mark_too()
    {
        byte[] text = [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("x,animal\n1,B"), 0x00, 0xD8, .. Encoding.Unicode.GetBytes("r\n")];
        var error = _folder.Refused(Categories(_folder.Write("train.csv", text)));
        Assert.Equal(2, error.Line);
        Assert.Contains("at column 4", error.Message, StringComparison.Ordinal);
        Assert.Contains("no UTF-16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_far_in_a_file_is_counted_right()
    {
        byte[] text = [.. Encoding.UTF8.GetBytes("x,animal\n" + string.Concat(Enumerable.Range(0, 30_000).Select(i => $"{i},Bär\n"))), (byte)'7', (byte)',', 0xE9, (byte)'\n'];
        var error = _folder.Refused(Categories(_folder.Write("train.csv", text)));
        Assert.Equal(30_002, error.Line);
        Assert.Contains("The byte 0xE9 at column 3 is no UTF-8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_ends_within_a_character_is_refused()
    {
        byte[] text = [.. Encoding.UTF8.GetBytes("x,animal\n1,cat\n2,B"), 0xC3];
        Assert.Contains("at column 4 is no UTF-8", _folder.Refused(Categories(_folder.Write("train.csv", text))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_encoding_that_does_not_fit_is_refused_as_well()
    {
        DataSpec spec = Animals("utf-8", "x,animal\n1,Bär\n2,cat\n");
        Assert.Contains("is no US-ASCII", _folder.Refused(spec with { Encoding = "us-ascii" }).Message, StringComparison.Ordinal);
        Assert.Contains("no encoding 'latin-17'", _folder.Refused(spec with { Encoding = "latin-17" }).Message, StringComparison.Ordinal);
    }

    private DataSpec Animals(string encoding, string text) => Categories(_folder.Write("train.csv", TextEncodings.Find(encoding)!.GetBytes(text)));

    private static DataSpec Categories(string path) => new() { Format = DataFormat.Csv, Train = path, Features = ["x"], Labels = ["1"], Categories = ["1"] };
}
