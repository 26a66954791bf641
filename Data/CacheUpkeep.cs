namespace Lockstep.Data;

/// <summary>Keeps a cache from growing for ever: whoever makes an entry removes those that nobody used for a month, and more where all take too much room. Times are those of the cache's own file system.</summary>
internal static class CacheUpkeep
{
    private const string Mark = ".used";

    private static readonly TimeSpan Unused = TimeSpan.FromDays(30);

    /// <summary>Notes that an entry is in use.</summary>
    public static void Use(string directory, string key) => Quietly(() =>
    {
        using var mark = new FileStream(Path.Combine(directory, key + Mark), CacheEntry.Private(FileMode.Create, FileAccess.Write, 0));
        mark.WriteByte(0);
    });

    /// <summary>
    /// Removes what was not used for long, and then what was not used for longest, until the rest takes no more than it may.
    /// Files that are open stay readable where the system lets them be deleted, and stay where it does not.
    /// </summary>
    /// <param name="key">Of an entry that was just used, which stays.</param>
    /// <param name="limit">Bytes.</param>
    public static void Sweep(string directory, string key, long limit) => Quietly(() =>
    {
        DateTime now = File.GetLastWriteTimeUtc(Path.Combine(directory, key + Mark));
        (string Key, string[] Paths, DateTime Used, long Bytes)[] entries =
        [
            .. Directory.GetFileSystemEntries(directory).GroupBy(path => Path.GetFileName(path).Split('.')[0], StringComparer.Ordinal)
                .Select(entry => (entry.Key, entry.ToArray(), entry.Max(UsedAt), entry.Sum(BytesOf)))
                .OrderBy(entry => entry.Item3),
        ];
        long bytes = entries.Sum(entry => entry.Bytes);
        foreach ((string other, string[] paths, DateTime used, long size) in entries.Where(entry => entry.Key != key))
        {
            // What another process is writing stays.
            if (now - used > Unused || (bytes > limit && size > 0 && !paths.Any(path => path.EndsWith(".tmp", StringComparison.Ordinal))))
            {
                // What says that the entry is whole goes first.
                foreach (string path in paths.OrderBy(path => !path.EndsWith(".json", StringComparison.Ordinal)))
                {
                    Quietly(() => Delete(path));
                }

                bytes -= size;
            }
        }
    });

    private static DateTime UsedAt(string path) => File.GetLastWriteTimeUtc(path);

    private static long BytesOf(string path) => Directory.Exists(path)
        ? new DirectoryInfo(path).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length)
        : new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    private static void Delete(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
            return;
        }

        File.Delete(path);
    }

    /// <summary>A cache that cannot be kept in order is still a cache.</summary>
    private static void Quietly(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
        }
    }
}
