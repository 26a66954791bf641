using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Checkpoints;

/// <summary>
/// The file of one shard's state: magic, length of a JSON header, header, then values, optimizer state and ranges as little-endian arrays.
/// Its SHA-256 stands in the set's manifest.
/// </summary>
public static class CheckpointPart
{
    private const int MaximumHeader = 64 << 20;

    private static ReadOnlySpan<byte> Magic => "LSTPCKP1"u8;

    private sealed record Header(JobDescriptor Descriptor, int Generation, long Version, int Shard, int[] Chunks, int Values, int State1, int State2, int Ranges);

    public static string FileName(int shard, int shards) => $"shard-{shard}-of-{shards}.ckpt";

    /// <summary>Writes the file whole or not at all, and through to the disk.</summary>
    /// <returns>Hexadecimal SHA-256 of the file.</returns>
    public static string Write(string path, JobDescriptor descriptor, ShardState state)
    {
        byte[] header = JsonSerializer.SerializeToUtf8Bytes(new Header(
            descriptor, state.Generation, state.Version, state.Shard, state.Chunks, state.Values.Length, state.State1.Length, state.State2.Length, state.Ranges.Length));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, header.Length);
            Append(Magic);
            Append(length);
            Append(header);
            Append(MemoryMarshal.AsBytes<float>(state.Values));
            Append(MemoryMarshal.AsBytes<float>(state.State1));
            Append(MemoryMarshal.AsBytes<float>(state.State2));
            Append(MemoryMarshal.AsBytes<short>(state.Ranges));
            file.Flush(flushToDisk: true);

            void Append(ReadOnlySpan<byte> bytes)
            {
                hash.AppendData(bytes);
                file.Write(bytes);
            }
        }

        File.Move(temporary, path, overwrite: true);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Reads a file and checks it against its SHA-256.</summary>
    /// <exception cref="ProtocolException">It is missing, damaged or not a checkpoint; the message names the file and the remedy.</exception>
    public static (JobDescriptor Descriptor, ShardState State) Read(string path, string sha256)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Damaged(path, exception.Message);
        }

        if (!string.Equals(Convert.ToHexStringLower(SHA256.HashData(bytes)), sha256, StringComparison.OrdinalIgnoreCase))
        {
            throw Damaged(path, "its bytes are not those that were written");
        }

        int start = Magic.Length + 4;
        if (bytes.Length < start || !bytes.AsSpan(0, Magic.Length).SequenceEqual(Magic))
        {
            throw Damaged(path, "it does not begin as a checkpoint does");
        }

        int headerLength = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(Magic.Length));
        if (headerLength is <= 0 or > MaximumHeader || start + headerLength > bytes.Length)
        {
            throw Damaged(path, "its header is longer than the file");
        }

        Header header;
        try
        {
            header = JsonSerializer.Deserialize<Header>(bytes.AsSpan(start, headerLength)) ?? throw new JsonException("The header is null.");
        }
        catch (JsonException exception)
        {
            throw Damaged(path, $"its header cannot be read: {exception.Message}");
        }

        ReadOnlySpan<byte> rest = bytes.AsSpan(start + headerLength);
        long expected = (4L * header.Values) + (4L * header.State1) + (4L * header.State2) + (2L * header.Ranges);
        if (rest.Length != expected)
        {
            throw Damaged(path, $"{rest.Length} bytes follow its header, not {expected}");
        }

        return (header.Descriptor, new ShardState(
            header.Generation, header.Version, header.Shard, header.Chunks,
            Take<float>(ref rest, header.Values), Take<float>(ref rest, header.State1), Take<float>(ref rest, header.State2), Take<short>(ref rest, header.Ranges)));
    }

    private static T[] Take<T>(ref ReadOnlySpan<byte> bytes, int count) where T : struct
    {
        T[] values = MemoryMarshal.Cast<byte, T>(bytes)[..count].ToArray();
        bytes = bytes[(count * Marshal.SizeOf<T>())..];
        return values;
    }

    private static ProtocolException Damaged(string path, string why) =>
        new(ProtocolError.Checkpoint, $"The checkpoint {path} cannot be used: {why}. Resume from an older one, or start a new run.");
}
