namespace Lockstep.Core.Checkpoints;

/// <summary>What checkpoints and the report log ask of a disk: the place where a test breaks it.</summary>
/// <exception cref="IOException">Any call.</exception>
/// <exception cref="UnauthorizedAccessException">Any call.</exception>
public interface ICheckpointFiles
{
    /// <summary>Makes a folder, and sees to it that its name is on the disk.</summary>
    void CreateDirectory(string path);

    /// <summary>Opens a file for writing; what it held is gone.</summary>
    Stream Create(string path);

    /// <summary>Opens a file for writing and leaves what it holds; every write goes to the system at once.</summary>
    Stream Open(string path);

    /// <summary>Sees to it that what was written to a file is on the disk.</summary>
    void Sync(string path);

    /// <summary>Renames a file over whatever has that name, whole or not at all, and sees to it that the name is on the disk.</summary>
    void Replace(string from, string to);

    /// <summary>Deletes a file; one that is not there is no error.</summary>
    void Delete(string path);

    /// <summary>Deletes a folder and all in it.</summary>
    void DeleteDirectory(string path);
}

/// <summary>The disk.</summary>
public sealed class CheckpointFiles : ICheckpointFiles
{
    public static readonly CheckpointFiles Disk = new();

    public void CreateDirectory(string path)
    {
        if (!Directory.Exists(path))
        {
            // One level at a time: each name is in another folder.
            CreateDirectory(FolderOf(path));
            Directory.CreateDirectory(path);
            FolderSync.Sync(FolderOf(path));
        }
    }

    public Stream Create(string path) => new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, 1 << 16);

    public Stream Open(string path) => new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, 0);

    public void Sync(string path)
    {
        // Whichever handle wrote it: the system flushes the file.
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Flush(flushToDisk: true);
    }

    public void Replace(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        FolderSync.Sync(FolderOf(to));
    }

    public void Delete(string path) => File.Delete(path);

    public void DeleteDirectory(string path) => Directory.Delete(path, recursive: true);

    private static string FolderOf(string path) => Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))!;
}

public static class CheckpointFilesExtensions
{
    private static long s_temporaries;

    /// <summary>Writes a file beside its place, through to the disk, and then into its place: whole or not at all. What a failure leaves behind is deleted.</summary>
    public static void WriteWhole(this ICheckpointFiles files, string path, Action<Stream> write)
    {
        // Of this writer alone: one that was superseded may still be at the same file.
        string temporary = $"{path}.{Environment.ProcessId}-{Interlocked.Increment(ref s_temporaries)}.tmp";
        try
        {
            using (Stream file = files.Create(temporary))
            {
                write(file);
            }

            files.Sync(temporary);
            files.Replace(temporary, path);
        }
        catch (Exception exception) when (IsDiskFailure(exception))
        {
            files.TryDelete(temporary);
            throw;
        }
    }

    /// <summary>Whether it is the disk that failed, and trying again later may help.</summary>
    public static bool IsDiskFailure(Exception exception) => exception is IOException or UnauthorizedAccessException;

    /// <summary>Deletes what may stay where it cannot be deleted: it does not count, and the next whole set sweeps its folder.</summary>
    public static void TryDelete(this ICheckpointFiles files, string path)
    {
        try
        {
            files.Delete(path);
        }
        catch (Exception exception) when (IsDiskFailure(exception))
        {
            // A disk that takes nothing may not let go either.
        }
    }
}
