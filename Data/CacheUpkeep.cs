namespace Lockstep.Data;

/// <summary>Keeps a cache from growing for ever: whoever makes an entry removes those that nobody used for a month. Times are those of the cache's own file system.</summary>
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

    /// <summary>Removes what was not used for long. Files that are open stay readable where the system lets them be deleted, and stay where it does not.</summary>
    /// <param name="key">Of an entry that was just used.</param>
    public static void Sweep(string directory, string key) => Quietly(() =>
    {
        DateTime now = File.GetLastWriteTimeUtc(Path.Combine(directory, key + Mark));
        foreach (string file in Directory.GetFiles(directory))
        {
            string mark = Path.Combine(directory, Path.GetFileName(file).Split('.')[0] + Mark);
            if (now - File.GetLastWriteTimeUtc(file) > Unused && !(File.Exists(mark) && now - File.GetLastWriteTimeUtc(mark) <= Unused))
            {
                Quietly(() => File.Delete(file));
            }
        }
    });

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
