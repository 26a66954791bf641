using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Data;

/// <summary>Entries of a cache that several processes share: each is made once, whole or not at all.</summary>
internal static class CacheEntry
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private const UnixFileMode Folder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Pauses after which a process no longer waits for another one, which may be frozen.</summary>
    private const int MostPauses = 1500;

    /// <summary>
    /// Finds an entry, or makes it while others wait. The lock only spares work: it ends with its process, and who has waited too long makes the entry too,
    /// since equal sources give equal entries and a rename puts them in place.
    /// </summary>
    /// <param name="find">Gives null where there is no entry, or a damaged one.</param>
    /// <param name="make">Gets the ending for its temporary files.</param>
    /// <exception cref="InputException">The directory cannot be written.</exception>
    public static T GetOrMake<T>(string directory, string key, Func<T?> find, Action<string> make, CancellationToken cancellation)
        where T : class
    {
        try
        {
            MakePrivate(directory);
            for (int pauses = 0; ; pauses++)
            {
                cancellation.ThrowIfCancellationRequested();
                if (find() is { } found)
                {
                    CacheUpkeep.Use(directory, key);
                    return found;
                }

                using FileStream? held = TryLock(Path.Combine(directory, key + ".lock"));
                if (held is null && pauses < MostPauses)
                {
                    cancellation.WaitHandle.WaitOne(Pause);
                    continue;
                }

                if (find() is { } late)
                {
                    return late;
                }

                make(held is null ? $".{Path.GetRandomFileName()}.tmp" : ".tmp");
                CacheUpkeep.Use(directory, key);
                CacheUpkeep.Sweep(directory, key, DataCache.Limit(directory));
                return find() ?? throw new InvalidDataException($"What was just written to the cache {directory} cannot be read back. Check its disk.");
            }
        }
        catch (Exception exception) when (exception is IOException and not FileNotFoundException or UnauthorizedAccessException)
        {
            throw new InputException(directory, 0, $"The cache of data cannot be written: {exception.Message}", $"Correct the rights, free some space, or name another folder in {EnvironmentNames.DataCache}.");
        }
    }

    /// <summary>Writes a file so that it appears whole.</summary>
    public static void Write(string path, string ending, Action<Stream> write)
    {
        string temporary = path + ending;
        try
        {
            using (var file = new FileStream(temporary, Private(FileMode.Create, FileAccess.Write, 1 << 20)))
            {
                write(file);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Makes the folder where it is not there: what lies in a cache are the data, and its owner's. Who may look into a folder that is there is for whoever made it.</summary>
    public static void MakePrivate(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
            return;
        }

        Directory.CreateDirectory(directory, Folder);
    }

    /// <summary>How a file of a cache is opened to be written: a new one is for its owner alone.</summary>
    public static FileStreamOptions Private(FileMode mode, FileAccess access, int buffer)
    {
        var options = new FileStreamOptions { Mode = mode, Access = access, Share = FileShare.None, BufferSize = buffer };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return options;
    }

    private static FileStream? TryLock(string path)
    {
        try
        {
            return new FileStream(path, Private(FileMode.OpenOrCreate, FileAccess.ReadWrite, 0));
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }
}
