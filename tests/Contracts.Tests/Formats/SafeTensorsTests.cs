using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using CsCheck;
using Lockstep.Contracts.Formats;

namespace Lockstep.Contracts.Tests.Formats;

public sealed class SafeTensorsTests
{
    private static readonly NamedTensor Weight = new("layer.weight", [2, 3], [1, -2, 3.5f, float.MaxValue, float.Epsilon, -0f]);
    private static readonly NamedTensor Bias = new("layer.bias", [3], [7, 8, 9]);
    private static readonly NamedTensor Scalar = new("steps", [], [42]);
    private static readonly Dictionary<string, string> Nothing = [];

    [Fact]
    public void What_is_written_is_read_to_the_bit() => Gen.Select(SafeTensorsFiles.Tensors, SafeTensorsFiles.Metadata).Sample((tensors, metadata) =>
    {
        SafeTensorsFile file = SafeTensorsFiles.Read(SafeTensorsFiles.Written(tensors, metadata));
        Assert.Equal(metadata.OrderBy(m => m.Key, StringComparer.Ordinal), file.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal));
        var read = file.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        Assert.Equal(tensors.Count, read.Count);
        foreach (NamedTensor tensor in tensors)
        {
            Assert.Equal(tensor.Shape, read[tensor.Name].Shape);
            Assert.Equal(Bits(tensor.Values), Bits(read[tensor.Name].Values));
        }

        // Tensors with values keep their order.
        Assert.Equal(tensors.Where(t => t.Values.Length > 0).Select(t => t.Name), file.Tensors.Where(t => t.Values.Length > 0).Select(t => t.Name));
    }, iter: 300);

    [Fact]
    public void Another_reader_of_the_published_format_finds_the_tensors()
    {
        // Eight bytes with the header's length; the header, JSON of {name: {dtype, shape, data_offsets}}; the values, little-endian, offsets from their start.
        byte[] bytes = SafeTensorsFiles.Written([Weight, Bias, Scalar], new Dictionary<string, string> { ["format"] = "pt" });
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        Assert.Equal((byte)'{', bytes[8]);
        Assert.Equal(0, (8 + length) % 8);
        JsonElement header = JsonDocument.Parse(bytes.AsMemory(8, length)).RootElement;
        Assert.Equal("pt", header.GetProperty("__metadata__").GetProperty("format").GetString());
        int covered = 0;
        foreach (NamedTensor tensor in new[] { Weight, Bias, Scalar })
        {
            JsonElement entry = header.GetProperty(tensor.Name);
            Assert.Equal("F32", entry.GetProperty("dtype").GetString());
            Assert.Equal(tensor.Shape, entry.GetProperty("shape").EnumerateArray().Select(s => s.GetInt32()));
            int from = entry.GetProperty("data_offsets")[0].GetInt32(), to = entry.GetProperty("data_offsets")[1].GetInt32();
            float[] values = [.. Enumerable.Range(0, (to - from) / 4).Select(i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(8 + length + from + (4 * i))))];
            Assert.Equal(Bits(tensor.Values), Bits(values));
            covered += to - from;
        }

        Assert.Equal(bytes.Length, 8 + length + covered);
    }

    [Fact]
    public void A_file_of_another_writer_is_read()
    {
        // No padding, no metadata, keys in another order, values in another order than the header.
        byte[] header = """{"b":{"shape":[2],"data_offsets":[4,12],"dtype":"F32"},"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}"""u8.ToArray();
        byte[] bytes = [.. BitConverter.GetBytes((long)header.Length), .. header, .. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(2f), .. BitConverter.GetBytes(3f)];
        SafeTensorsFile file = SafeTensorsFiles.Read(bytes);
        Assert.Equal(["a", "b"], file.Tensors.Select(t => t.Name));
        Assert.Equal([[1f], [2f, 3f]], file.Tensors.Select(t => t.Values));
        Assert.Equal([[1, 1], [2]], file.Tensors.Select(t => t.Shape));
        Assert.Empty(file.Metadata);
    }

    [Fact]
    public void The_hash_goes_by_names_and_not_by_the_order_in_the_file() => Gen.Shuffle(new[] { Weight, Bias, Scalar }).Sample(tensors =>
        Assert.Equal(Expected(Bias, Weight, Scalar), SafeTensors.ParametersSha256(SafeTensorsFiles.Read(SafeTensorsFiles.Written(tensors, Nothing)).Tensors)), iter: 20);

    [Fact]
    public void Names_are_ordered_by_their_code_units()
    {
        // A culture would put them the other way round.
        NamedTensor upper = new("Z", [1], [1]), lower = new("a", [1], [2]);
        Assert.Equal(Expected(upper, lower), SafeTensors.ParametersSha256([lower, upper]));
    }

    [Fact]
    public void One_bit_of_a_value_changes_the_hash() => Assert.NotEqual(
        SafeTensors.ParametersSha256([new("a", [1], [0f])]),
        SafeTensors.ParametersSha256([new("a", [1], [-0f])]));

    [Fact]
    public void A_file_is_replaced_as_a_whole() => SafeTensorsFiles.InFile(path =>
    {
        SafeTensors.Write(path, [Weight], Nothing);
        Assert.Throws<ArgumentException>(() => SafeTensors.Write(path, [Bias, Bias], Nothing));
        Assert.Equal(Weight.Name, Assert.Single(SafeTensors.Read(path).Tensors).Name);
        SafeTensors.Write(path, [Bias], Nothing);
        Assert.Equal(Bias.Name, Assert.Single(SafeTensors.Read(path).Tensors).Name);
        Assert.False(File.Exists(path + ".tmp"));
        return true;
    });

    [Fact]
    public void What_could_not_be_read_back_is_not_written()
    {
        NamedTensor[] bad = [new("a", [2], [1]), new("a", [-1, -1], [1]), new("__metadata__", [], [1]), new("a", [int.MaxValue, int.MaxValue, int.MaxValue], [1])];
        Assert.All(bad, tensor => Assert.Throws<ArgumentException>(() => SafeTensorsFiles.Written([tensor], Nothing)));
    }

    private static string Expected(params NamedTensor[] inOrder) => Convert.ToHexStringLower(SHA256.HashData([.. inOrder.SelectMany(t => t.Values).SelectMany(BitConverter.GetBytes)]));

    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];
}
