using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;

namespace Lockstep.Contracts.Formats;

/// <summary>A named tensor of float32.</summary>
/// <param name="Shape">Dimensions; empty for a scalar.</param>
/// <param name="Values">Row-major, as many as the product of Shape.</param>
public sealed record NamedTensor(string Name, IReadOnlyList<int> Shape, float[] Values);

/// <summary>What a safetensors file holds.</summary>
/// <param name="Tensors">In the order of their places in the file.</param>
public sealed record SafeTensorsFile(IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<NamedTensor> Tensors);

/// <summary>
/// Reads and writes safetensors files of float32: eight bytes with the header's length, the header as JSON, then the tensors' bytes, little-endian.
/// The format is that of https://github.com/huggingface/safetensors.
/// </summary>
public static class SafeTensors
{
    private const int LengthBytes = 8;
    private const int LargestHeader = 100_000_000;
    private const string MetadataKey = "__metadata__";

    /// <summary>Writes a file as a whole: what was there is replaced at the end.</summary>
    /// <exception cref="ArgumentException">Two tensors have one name, or values do not fit a shape.</exception>
    public static void Write(string path, IReadOnlyList<NamedTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        byte[] header = Header(tensors, metadata);
        string temporary = path + ".tmp";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            Span<byte> length = stackalloc byte[LengthBytes];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            file.Write(length);
            file.Write(header);
            foreach (NamedTensor tensor in tensors)
            {
                WriteValues(tensor.Values, file.Write);
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It is missing, or no safetensors file of float32.</exception>
    public static SafeTensorsFile Read(string path)
    {
        try
        {
            using FileStream file = RegularFile.Open(path);
            Span<byte> start = stackalloc byte[LengthBytes];
            if (file.ReadAtLeast(start, LengthBytes, throwOnEndOfStream: false) < LengthBytes)
            {
                throw Malformed(path, $"it has {file.Length} bytes, fewer than the {LengthBytes} of the header's length");
            }

            long length = BinaryPrimitives.ReadInt64LittleEndian(start);
            if (length is < 2 or > LargestHeader || length > file.Length - LengthBytes)
            {
                throw Malformed(path, $"it says that its header has {length} bytes, where {file.Length - LengthBytes} follow");
            }

            var header = new byte[length];
            file.ReadExactly(header);
            return Read(path, header, file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, 0, exception is FileNotFoundException or DirectoryNotFoundException ? "There is no such model file." : $"The model file cannot be read: {exception.Message}", "Give the model.safetensors of a finished run.");
        }
    }

    /// <summary>Hexadecimal SHA-256 over all values, tensors in ordinal order of their names, little-endian.</summary>
    public static string ParametersSha256(IEnumerable<NamedTensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (NamedTensor tensor in tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            WriteValues(tensor.Values, hash.AppendData);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static byte[] Header(IReadOnlyList<NamedTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteStartObject(MetadataKey);
            foreach ((string key, string value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            long offset = 0;
            var names = new HashSet<string>(StringComparer.Ordinal) { MetadataKey };
            foreach (NamedTensor tensor in tensors)
            {
                if (!names.Add(tensor.Name) || tensor.Shape.Any(size => size < 0) || Count(tensor.Shape) != tensor.Values.LongLength)
                {
                    throw new ArgumentException($"The tensor {tensor.Name} [{string.Join(", ", tensor.Shape)}] with {tensor.Values.Length} values cannot be written: names are unique, and values fill the shape.", nameof(tensors));
                }

                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", "F32");
                json.WriteStartArray("shape");
                foreach (int size in tensor.Shape)
                {
                    json.WriteNumberValue(size);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.Values.LongLength * sizeof(float));
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // The values begin at a multiple of eight, so that a reader may map them; spaces may follow the JSON.
        while (stream.Length % LengthBytes != 0)
        {
            stream.WriteByte((byte)' ');
        }

        return stream.ToArray();
    }

    private static SafeTensorsFile Read(string path, byte[] header, FileStream file)
    {
        long available = file.Length - file.Position;
        var metadata = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var places = new List<(string Name, int[] Shape, long From, long To)>();
        if (!Utf8.IsValid(header))
        {
            InputError where = InvalidText.Find(path, new MemoryStream(header), TextEncodings.Find(TextEncodings.Usual)!, "write it as UTF-8").Errors[0];
            throw Malformed(path, $"in line {where.Line} of its header, {char.ToLowerInvariant(where.Message[0])}{where.Message[1..].TrimEnd('.')}");
        }

        try
        {
            using JsonDocument json = JsonDocument.Parse(header, new JsonDocumentOptions { AllowDuplicateProperties = false });
            foreach (JsonProperty entry in json.RootElement.EnumerateObject())
            {
                if (entry.Name == MetadataKey)
                {
                    foreach (JsonProperty pair in entry.Value.EnumerateObject())
                    {
                        metadata[pair.Name] = pair.Value.GetString() ?? throw Malformed(path, $"its metadata '{pair.Name}' is no text");
                    }

                    continue;
                }

                string type = entry.Value.GetProperty("dtype").GetString() ?? "";
                if (type != "F32")
                {
                    throw Malformed(path, $"the tensor {entry.Name} is {type}, and only F32 is read");
                }

                long?[] offsets = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.TryGetInt64(out long offset) ? (long?)offset : null)];
                int?[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(s => s.TryGetInt32(out int edge) ? (int?)edge : null)];
                if (offsets is not [{ } from, { } to] || shape.Any(s => s is null or < 0))
                {
                    throw Malformed(path, $"the tensor {entry.Name} has no shape or place that can be");
                }

                places.Add((entry.Name, [.. shape.Select(s => s!.Value)], from, to));
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Malformed(path, $"its header cannot be read: {exception.Message}");
        }

        places.Sort((a, b) => (a.From, a.To).CompareTo((b.From, b.To)));
        var tensors = new List<NamedTensor>(places.Count);
        long at = 0;
        foreach ((string name, int[] shape, long from, long to) in places)
        {
            Int128 bytes = Count(shape) * sizeof(float);
            if (from != at || to < from || to > available || bytes != to - from || bytes > int.MaxValue)
            {
                throw Malformed(path, $"the tensor {name} [{string.Join(", ", shape)}] is said to lie at {from} to {to} of {available} bytes, where {at} comes next");
            }

            var values = new float[(to - from) / sizeof(float)];
            file.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            if (!BitConverter.IsLittleEndian)
            {
                Span<int> bits = MemoryMarshal.Cast<float, int>(values.AsSpan());
                BinaryPrimitives.ReverseEndianness(bits, bits);
            }

            tensors.Add(new NamedTensor(name, shape, values));
            at = to;
        }

        return at == available ? new SafeTensorsFile(metadata, tensors) : throw Malformed(path, $"{available - at} bytes follow the last tensor");
    }

    /// <summary>Elements of a shape; beyond 2⁶³ only that it is more.</summary>
    private static Int128 Count(IEnumerable<int> shape) => shape.Aggregate((Int128)1, (product, size) => product > long.MaxValue ? product : product * size);

    private static void WriteValues(float[] values, SpanWriter write)
    {
        if (BitConverter.IsLittleEndian)
        {
            write(MemoryMarshal.AsBytes(values.AsSpan()));
            return;
        }

        var swapped = new int[values.Length];
        BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, int>(values), swapped);
        write(MemoryMarshal.AsBytes(swapped.AsSpan()));
    }

    private static InputException Malformed(string path, string problem) => new(path, 0, $"This is no safetensors file that can be used: {problem}.", "Give the model.safetensors of a finished run; copy it again where it was cut off.");

    private delegate void SpanWriter(ReadOnlySpan<byte> bytes);
}
