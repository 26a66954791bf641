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

    /// <summary>Of several files, in order.</summary>
    public static string Of(IReadOnlyList<string> paths, string cacheDirectory, IProgress<DataProgress>? progress = null) =>
        string.Join('|', paths.Select(path => Of(path, cacheDirectory, progress)));

    /// <summary>Of many files that belong together, with their names: remembered in one entry, and all read again where one has changed.</summary>
    /// <param name="name">What is remembered of them is called so.</param>
    /// <param name="paths">In order.</param>
    /// <param name="roots">What lies below one of these is called as it is seen from there.</param>
    public static string OfAll(string name, IReadOnlyList<string> paths, IReadOnlyList<string> roots, string cacheDirectory, IProgress<DataProgress>? progress)
    {
        string[] full = [.. paths.Select(path => Path.GetFullPath(path))], folders = [.. roots.Select(root => Path.GetFullPath(root))];
        string[] names = [.. full.Select(path => folders.Where(folder => path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal)).Select(folder => path[(folder.Length + 1)..]).FirstOrDefault() ?? Path.GetFileName(path))];
        (long Length, long Changed)?[] states = [.. full.Select(StateOf)];
        string state = Hex(string.Join('\n', full.Zip(states).Select(pair => $"{pair.First}|{pair.Second}")));
        var now = new Known($"{name}|{state}", states.Sum(one => one?.Length ?? 0), states.Max(one => one?.Changed ?? 0), "");
        string entry = EntryOf(cacheDirectory, name);
        if (Recall(entry) is { } known && known with { Hash = "" } == now)
        {
            return known.Hash;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((int i, string path) in full.Index())
        {
            progress?.Report(new DataProgress(path, "hashing", i, full.Length));
            hash.AppendData(Encoding.UTF8.GetBytes(names[i] + "\0"));
            hash.AppendData(SourceFile.Hash(path, progress: null));
        }

        string found = Convert.ToHexStringLower(hash.GetHashAndReset());
        Remember(entry, now with { Hash = found });
        return found;
    }

    /// <summary>Hexadecimal SHA-256 of a file's bytes.</summary>
    /// <param name="progress">Is told how far it is.</param>
    /// <exception cref="Contracts.InputException">The file cannot be read.</exception>
    public static string Of(string path, string cacheDirectory, IProgress<DataProgress>? progress = null)
    {
        path = Path.GetFullPath(path);
        string entry = EntryOf(cacheDirectory, path);
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

    private static string EntryOf(string cacheDirectory, string name) => Path.Combine(cacheDirectory, Hex(name) + ".hash");

    private static string Hex(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));

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
