using System.Text;
using CsCheck;
using Lockstep.Contracts.Formats;

namespace Lockstep.Contracts.Tests.Formats;

/// <summary>A file that is damaged is refused with an error for people, never with another exception.</summary>
public sealed class MalformedSafeTensorsTests
{
    private static readonly byte[] Whole = SafeTensorsFiles.Written([new("layer.weight", [2, 2], [1, 2, 3, 4]), new("layer.bias", [2], [5, 6])], new Dictionary<string, string> { ["job"] = "{}" });

    [Fact]
    public void Cut_short_anywhere_it_is_refused()
    {
        for (int length = 0; length < Whole.Length; length++)
        {
            Refused(Whole[..length]);
        }
    }

    [Fact]
    public void Bytes_after_the_last_tensor_are_refused() => Assert.Contains("4 bytes follow the last tensor", Refused([.. Whole, 0, 0, 0, 0]), StringComparison.Ordinal);

    [Fact]
    public void A_changed_byte_of_the_header_never_ends_in_another_exception()
    {
        int end = 8 + BitConverter.ToInt32(Whole);
        for (int at = 0; at < end; at++)
        {
            foreach (byte value in new byte[] { 0, 9, (byte)' ', (byte)'"', (byte)'\\', (byte)',', (byte)'}', (byte)']', (byte)'0', (byte)'9', (byte)'-', (byte)'e', 0x80, 0xFF })
            {
                byte[] bytes = [.. Whole];
                bytes[at] = value;
                try
                {
                    // A letter of a name, a space: another file, but a good one.
                    SafeTensorsFile file = SafeTensorsFiles.Read(bytes);
                    Assert.All(file.Tensors, t => Assert.Equal(t.Values.Length, t.Shape.Aggregate(1, (product, size) => product * size)));
                }
                catch (InputException exception)
                {
                    Assert.NotEmpty(exception.Errors[0].Remedy);
                }
            }
        }
    }

    [Fact]
    public void Any_header_is_read_or_refused() => Gen.Select(SafeTensorsFiles.Tensors, Gen.Select(Gen.Int[0, 300], Gen.Int[0, 4], Gen.String["{}[]:,\"0129-.eF32shapedtypeoffsets_ \\u"]).Array[1, 3]).Sample((tensors, edits) =>
    {
        byte[] bytes = SafeTensorsFiles.Written(tensors, new Dictionary<string, string>());
        int length = BitConverter.ToInt32(bytes);
        string header = Encoding.UTF8.GetString(bytes, 8, length);
        foreach ((int at, int cut, string insert) in edits)
        {
            int from = at % header.Length;
            header = header.Remove(from, Math.Min(cut, header.Length - from)).Insert(from, insert) + " ";
        }

        try
        {
            SafeTensorsFiles.Read(File(header, bytes[(8 + length)..]));
        }
        catch (InputException)
        {
        }
    }, iter: 1000);

    [Theory]
    [InlineData("""[]""", "its header cannot be read")]
    [InlineData("""{"a":1}""", "its header cannot be read")]
    [InlineData("""{"a":{}}""", "its header cannot be read")]
    [InlineData("""{"a":null}""", "its header cannot be read")]
    [InlineData("""{"__metadata__":[]}""", "its header cannot be read")]
    [InlineData("""{"__metadata__":{"a":1}}""", "its header cannot be read")]
    [InlineData("""{"__metadata__":{"a":null}}""", "its metadata 'a' is no text")]
    [InlineData("""{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}""", "the tensor a is F64, and only F32 is read")]
    [InlineData("""{"a":{"dtype":null,"shape":[2],"data_offsets":[0,8]}}""", "the tensor a is , and only F32 is read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", "the tensor a has no shape or place")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "the tensor a has no shape or place")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "the tensor a has no shape or place that can be")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967298],"data_offsets":[0,8]}}""", "the tensor a has no shape or place that can be")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "the tensor a [3] is said to lie at 0 to 8 of 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "the tensor a [1] is said to lie at 4 to 8 of 8 bytes, where 0 comes next")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "the tensor b [1] is said to lie at 0 to 4 of 8 bytes, where 4 comes next")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "its header cannot be read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "the tensor a [2] is said to lie at 8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "the tensor a [2] is said to lie at -8 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "the tensor a [3] is said to lie at 0 to 12 of 8 bytes")]
    // 2³¹ · 2³¹ · 4 is 2⁶⁴, which is 0 for who does not look.
    [InlineData("""{"a":{"dtype":"F32","shape":[1073741824,1073741824,16],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "the tensor a [1073741824, 1073741824, 16] is said to lie at 0 to 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647,2147483647,2147483647,2147483647],"data_offsets":[0,8]}}""", "the tensor a [2147483647, 2147483647,")]
    public void Says_what_is_wrong_with_a_header(string header, string problem) => Assert.Contains(problem, Refused(File(header, new byte[8])), StringComparison.Ordinal);

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(100_000_001)]
    public void Says_that_the_header_cannot_be_so_long(long length)
    {
        byte[] bytes = [.. Whole];
        BitConverter.TryWriteBytes(bytes, length);
        Assert.Contains($"it says that its header has {length} bytes", Refused(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_no_text_is_refused()
    {
        byte[] header = [.. "{\"a"u8, 0xFF, .. "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"u8];
        Assert.Contains("in line 1 of its header, the byte 0xFF at column 4 is no UTF-8.", Refused([.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[8]]), StringComparison.Ordinal);
        Assert.Contains("its header cannot be read", Refused(File("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8])), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_named()
    {
        string path = Path.Combine(Path.GetTempPath(), "there-is-none.safetensors");
        InputError error = Assert.Single(Assert.Throws<InputException>(() => SafeTensors.Read(path)).Errors);
        Assert.Equal((path, "There is no such model file."), (error.File, error.Message));
        Assert.StartsWith("The model file cannot be read:", Assert.Throws<InputException>(() => SafeTensors.Read(Path.GetTempPath())).Errors[0].Message, StringComparison.Ordinal);
    }

    private static byte[] File(string header, byte[] values)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. values];
    }

    private static string Refused(byte[] bytes)
    {
        InputError error = Assert.Single(Assert.Throws<InputException>(() => SafeTensorsFiles.Read(bytes)).Errors);
        Assert.StartsWith("This is no safetensors file that can be used:", error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(error.Remedy);
        return error.Message;
    }
}
