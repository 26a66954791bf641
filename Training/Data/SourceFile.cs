using System.Security.Cryptography;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.GZip;
using Lockstep.Contracts;

namespace Lockstep.Training;

/// <summary>A data file as it lies on the disk, plain or .gz.</summary>
internal static class SourceFile
{
    private const int Buffer = 1 << 16;

    /// <summary>Opens a file for reading, decompressed where its name ends in .gz.</summary>
    /// <exception cref="InputException">It is missing, a folder, or may not be read.</exception>
    public static Stream Open(string path)
    {
        FileStream file = OpenRaw(path);
        // The framework's own GZipStream takes a file that breaks off for one that ends.
        return IsCompressed(path) ? new GZipInputStream(file, Buffer) : file;
    }

    public static bool IsCompressed(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    /// <summary>SHA-256 of the file's bytes.</summary>
    public static byte[] Hash(string path)
    {
        using FileStream file = OpenRaw(path);
        return SHA256.HashData(file);
    }

    /// <summary>What a failure to decompress or read means to the person whose file it is; null where it means something else.</summary>
    public static InputException? Explain(string path, Exception exception) => exception switch
    {
        InputException input => input,
        EndOfStreamException or SharpZipBaseException when IsCompressed(path) =>
            new InputException(path, 0, $"The compressed file is damaged or ends too early ({exception.Message.TrimEnd('.')}).", "Copy or download it again."),
        IOException or UnauthorizedAccessException => new InputException(path, 0, $"The file cannot be read: {exception.Message}", "Correct the path or the rights."),
        _ => null,
    };

    private static FileStream OpenRaw(string path)
    {
        if (Directory.Exists(path))
        {
            throw new InputException(path, 0, "This is a folder, not a data file.", "Name the file in it.");
        }

        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, Buffer, FileOptions.SequentialScan);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException(path, 0, "There is no such data file.", "Correct the path in 'data'; relative paths start at the job file's folder.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, 0, $"The file cannot be read: {exception.Message}", "Correct the rights.");
        }
    }
}
