using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Lockstep.Data;

/// <summary>Hashes of data files, remembered in the cache by path, size and time of change: whoever joins a run does not read the data through again.</summary>
public static class SourceHashes
{
    /// <summary>A file that was changed so shortly before its hash was taken may have been changed again within the same tick of its file system.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    private sealed record Known(string Path, long Length, long Changed, string Hash);

    /// <summary>Hexadecimal SHA-256 of a file's bytes.</summary>
    /// <param name="progress">Is told how far it is.</param>
    /// <exception cref="Contracts.InputException">The file cannot be read.</exception>
    public static string Of(string path, string cacheDirectory, IProgress<DataProgress>? progress = null)
    {
        path = Path.GetFullPath(path);
        string entry = Path.Combine(cacheDirectory, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 16)) + ".hash");
        (long Length, long Changed)? before = StateOf(path);
        if (before is { } state && Recall(entry) is { } known && known == new Known(path, state.Length, state.Changed, known.Hash))
        {
            return known.Hash;
        }

        string hash = Convert.ToHexStringLower(SourceFile.Hash(path, progress));
        if (before is { } same && StateOf(path) == same)
        {
            Remember(entry, new Known(path, same.Length, same.Changed, hash));
        }

        return hash;
    }

    private static (long Length, long Changed)? StateOf(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? (file.Length, file.LastWriteTimeUtc.Ticks) : null;
    }

    private static Known? Recall(string entry)
    {
        try
        {
            return File.Exists(entry) && JsonSerializer.Deserialize<Known>(File.ReadAllText(entry)) is { Hash: not null } known && File.GetLastWriteTimeUtc(entry).Ticks - known.Changed > Settled.Ticks ? known : null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Remember(string entry, Known known)
    {
        try
        {
            CacheEntry.MakePrivate(Path.GetDirectoryName(entry)!);
            CacheEntry.Write(entry, $".{Path.GetRandomFileName()}.tmp", file => JsonSerializer.Serialize(file, known));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not remembered: it is worked out again.
        }
    }
}
