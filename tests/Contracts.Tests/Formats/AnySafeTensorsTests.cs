using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Lockstep.Contracts.Formats;
using Lockstep.Fuzzing;

namespace Lockstep.Contracts.Tests.Formats;

/// <summary>Any file is a model's, or is refused in words.</summary>
public sealed class AnySafeTensorsTests : IDisposable
{
    private const int Cases = 4000;

    private static readonly Gen<string> Number = Gen.OneOf(Any.Of("0", "4", "8", "-1", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "1.5", "1e3", "null", "\"4\"", "[]"), Gen.Int[0, 32].Select(n => $"{n}"));

    private static readonly Gen<string> Text = Gen.OneOf(Any.Of("a", "0.weight", "__metadata__", "", "\\u001b[31m", "\\ud800", "\\u0000", "ä"), Gen.String[Gen.Char['a', 'f'], 0, 3]);

    private static readonly Gen<string> Tensor = Gen.Select(Any.Of("F32", "F32", "F32", "F32", "F64", "I8", ""), Number.Array[0, 3], Number, Number, Any.Of("dtype", "dtype", "dtype", "type"), Gen.Int[0, 9]).Select((type, shape, from, to, key, whole) =>
        whole > 0 && shape.Length < 2 && key == "dtype" && type == "F32"
            ? $$"""{"dtype":"F32","shape":[{{string.Join(',', Enumerable.Repeat("1", shape.Length))}}],"data_offsets":[0,4]}"""
            : $$"""{"{{key}}":"{{type}}","shape":[{{string.Join(',', shape)}}],"data_offsets":[{{from}},{{to}}]}""");

    private static readonly Gen<string> Good = Gen.Int[1, 3].Array[0, 2].Select(shape => $$$"""{"__metadata__":{"x":"y"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[0,{{{string.Join(',', shape.Append(2))}}}],"data_offsets":[4,4]}}""");

    private static readonly Gen<string> Header = Gen.OneOf(
        Good,
        Gen.Select(Text, Tensor).Array[0, 3].Select(entries => $"{{{string.Join(',', entries.Select(entry => $"\"{entry.Item1}\":{entry.Item2}"))}}}"),
        Gen.Select(Text, Text, Tensor).Select((key, value, tensor) => $$$"""{"__metadata__":{"{{{key}}}":"{{{value}}}"},"a":{{{tensor}}}}"""),
        Gen.Select(Text, Tensor).Select((name, tensor) => $"[{tensor}]"),
        Gen.Int[0, 3000].Select(depth => new string('[', depth)),
        Gen.String[0, 30]);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-any-model-");
    private int _files;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Any_file_is_read_or_is_refused_in_words()
    {
        var trial = new InputTrial();
        Gen.Select(Header, Gen.Byte.Array[0, 16], Any.Of(0L, 0, 0, 0, 1, -1, 1_000_000, long.MaxValue, long.MinValue), Gen.Int[0, 9], Gen.Bool).Sample((header, values, wrong, cut, isWhole) =>
        {
            byte[] text = Encoding.UTF8.GetBytes(header);
            var length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, text.Length + wrong);
            byte[] bytes = [.. length, .. text, .. isWhole ? new byte[4] : values];
            string path = Path.Combine(_folder.FullName, $"{Interlocked.Increment(ref _files)}.safetensors");
            File.WriteAllBytes(path, cut > 0 ? bytes : bytes[..(bytes.Length / 2)]);
            trial.Run(() => SafeTensors.Read(path), () => $"{header} {Convert.ToHexString(values)} {wrong}");
        }, iter: Cases);
        trial.End();
    }
}
