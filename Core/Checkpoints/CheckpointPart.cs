using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Core.Codec;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Checkpoints;

/// <summary>
/// The file of one shard's state: magic, length of a JSON header, header, then values, optimizer state, hints and moving average as little-endian arrays.
/// Its SHA-256 stands in the set's manifest.
/// </summary>
public static class CheckpointPart
{
    private const int MaximumHeader = 64 << 20;

    private static readonly JsonSerializerOptions Whole = new() { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    private static ReadOnlySpan<byte> Magic => "LSTPCKP2"u8;

    private sealed record Header(JobDescriptor Descriptor, int Generation, long Version, int Shard, int[] Chunks, int Values, int State1, int State2, int Hints, int Average = 0);

    /// <param name="generation">In the name, so that a part that is cut again never stands under the hash of the one before.</param>
    /// <summary>The generation that a file of a set's folder is of, by its name; 0: the first, or it is no part.</summary>
    public static int GenerationOf(string fileName) => fileName.Split('.') is [_, var number, _, ..] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int generation) ? generation : 0;

    public static string FileName(int shard, int shards, int generation = 0) => $"shard-{shard}-of-{shards}{(generation == 0 ? "" : $".{generation}")}.ckpt";

    /// <summary>Writes the file whole or not at all, and through to the disk.</summary>
    /// <returns>Hexadecimal SHA-256 of the file.</returns>
    public static string Write(string path, JobDescriptor descriptor, ShardSnapshot state, ICheckpointFiles? files = null)
    {
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(new Header(
            descriptor, state.Generation, state.Version, state.Shard, state.Chunks, state.Values.Length, state.State1.Length, state.State2.Length, state.Hints.Length, state.Average.Length));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        (files ?? CheckpointFiles.Disk).WriteWhole(path, file =>
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, header.Length);
            Append(Magic);
            Append(length);
            Append(header);
            Append(MemoryMarshal.AsBytes<float>(state.Values));
            Append(MemoryMarshal.AsBytes<float>(state.State1));
            Append(MemoryMarshal.AsBytes<float>(state.State2));
            Append(MemoryMarshal.AsBytes<BlockHint>(state.Hints));
            Append(MemoryMarshal.AsBytes<float>(state.Average));

            void Append(ReadOnlySpan<byte> bytes)
            {
                hash.AppendData(bytes);
                file.Write(bytes);
            }
        });
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Reads a file and checks it against its SHA-256.</summary>
    /// <exception cref="ProtocolException">It is missing, damaged or not a checkpoint; the message names the file and the remedy.</exception>
    public static (JobDescriptor Descriptor, ShardSnapshot State) Read(string path, string sha256)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
            if (!string.Equals(Convert.ToHexStringLower(SHA256.HashData(file)), sha256, StringComparison.OrdinalIgnoreCase))
            {
                throw Damaged(path, "its bytes are not those that were written");
            }

            // Read once more rather than held as bytes and as arrays: a part may be gigabytes.
            file.Position = 0;
            return Read(path, file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Damaged(path, exception.Message);
        }
    }

    /// <summary>Reads what job a file is of, without a check of its bytes.</summary>
    /// <exception cref="ProtocolException">It is missing or not a checkpoint.</exception>
    public static JobDescriptor ReadDescriptor(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return ReadHeader(path, file).Descriptor;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Damaged(path, exception.Message);
        }
    }

    private static (JobDescriptor Descriptor, ShardSnapshot State) Read(string path, FileStream file)
    {
        Header header = ReadHeader(path, file);
        long rest = file.Length - file.Position;
        long expected = (4L * header.Values) + (4L * header.State1) + (4L * header.State2) + (4L * header.Average) + ((long)Unsafe.SizeOf<BlockHint>() * header.Hints);
        if (rest != expected || new[] { header.Values, header.State1, header.State2, header.Hints, header.Average }.Any(count => count < 0))
        {
            throw Damaged(path, $"{rest} bytes follow its header, not {expected}");
        }

        return (header.Descriptor, new ShardSnapshot(
            header.Generation, header.Version, header.Shard, header.Chunks,
            Take<float>(file, header.Values), Take<float>(file, header.State1), Take<float>(file, header.State2), Take<BlockHint>(file, header.Hints)) { Average = Take<float>(file, header.Average) });
    }

    /// <summary>Leaves the file behind its header.</summary>
    private static Header ReadHeader(string path, FileStream file)
    {
        int start = Magic.Length + 4;
        Span<byte> begin = stackalloc byte[start];
        if (file.ReadAtLeast(begin, start, throwOnEndOfStream: false) < start || !begin[..Magic.Length].SequenceEqual(Magic))
        {
            throw Damaged(path, "it does not begin as a checkpoint does");
        }

        int headerLength = BinaryPrimitives.ReadInt32LittleEndian(begin[Magic.Length..]);
        if (headerLength is <= 0 or > MaximumHeader || start + headerLength > file.Length)
        {
            throw Damaged(path, "its header is longer than the file");
        }

        var bytes = new byte[headerLength];
        file.ReadExactly(bytes);
        try
        {
            return JsonSerializer.Deserialize<Header>(bytes, Whole) ?? throw new JsonException("The header is null.");
        }
        catch (JsonException exception)
        {
            throw Damaged(path, $"its header cannot be read: {exception.Message}");
        }
    }

    private static T[] Take<T>(FileStream file, int count) where T : unmanaged
    {
        var values = new T[count];
        file.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private static ProtocolException Damaged(string path, string why) =>
        new(ProtocolError.Checkpoint, $"The checkpoint {path} cannot be used: {why}. Delete the folder of that step to resume from the one before, or start a new run.");
}
