using System.Security.Cryptography;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.GZip;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;

namespace Lockstep.Data;

/// <summary>A data file as it lies on the disk, plain or .gz.</summary>
internal static class SourceFile
{
    private const int Buffer = 1 << 16;

    /// <summary>Files of other kinds that are taken for CSV, by their first bytes.</summary>
    private static readonly (byte[] Start, string Kind, string Remedy)[] Others =
    [
        ([0x50, 0x4B, 0x03, 0x04], "a zip archive or a spreadsheet", "Unpack it, or save the sheet as CSV."),
        ([0x50, 0x41, 0x52, 0x31], "a Parquet file", "Write it as CSV."),
        ([0x28, 0xB5, 0x2F, 0xFD], "compressed by zstd", "Decompress it, or compress it by gzip."),
        ([0x42, 0x5A, 0x68], "compressed by bzip2", "Decompress it, or compress it by gzip."),
        ([0xFD, 0x37, 0x7A, 0x58], "compressed by xz", "Decompress it, or compress it by gzip."),
    ];

    /// <summary>Opens a file for reading, decompressed where its name ends in .gz or it begins like such a file. Reading throws <see cref="InputException"/> where the file is damaged.</summary>
    /// <exception cref="InputException">It is missing, a folder, or may not be read.</exception>
    public static Stream Open(string path)
    {
        FileStream file = OpenRaw(path);
        Span<byte> start = stackalloc byte[4];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        file.Position = 0;
        foreach ((byte[] other, string kind, string remedy) in Others)
        {
            if (start.StartsWith(other))
            {
                file.Dispose();
                throw new InputException(path, 0, $"The file is {kind}.", remedy);
            }
        }

        // The framework's own GZipStream takes a file that breaks off for one that ends.
        bool compressed = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) || start is [0x1F, 0x8B, ..];
        return new GuardedStream(path, compressed ? new GZipInputStream(file, Buffer) : file, compressed);
    }

    /// <summary>SHA-256 of the file's bytes.</summary>
    public static byte[] Hash(string path)
    {
        using var file = new GuardedStream(path, OpenRaw(path), compressed: false);
        return SHA256.HashData(file);
    }

    private static FileStream OpenRaw(string path)
    {
        if (Directory.Exists(path))
        {
            throw new InputException(path, 0, "This is a folder, not a data file.", "Name the file in it.");
        }

        try
        {
            return RegularFile.Open(path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException(path, 0, "There is no such data file.", "Correct the path; relative paths of a job file start at its folder, those of an option at the current one.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, 0, $"The file cannot be read: {exception.Message}", "Correct the rights.");
        }
    }

    /// <summary>Says what a failure means to the person whose file it is, so that it is not taken for one of the file that is written meanwhile.</summary>
    private sealed class GuardedStream(string path, Stream inner, bool compressed) : ForwardStream
    {
        public override int Read(byte[] buffer, int offset, int count)
        {
            try
            {
                return inner.Read(buffer, offset, count);
            }
            catch (Exception exception) when (compressed && exception is EndOfStreamException or SharpZipBaseException or IndexOutOfRangeException or ArgumentException)
            {
                // Damaged tables of codes make the decompressor reach beyond its arrays.
                throw new InputException(path, 0, $"The compressed file is damaged or ends too early ({exception.Message.TrimEnd('.')}).", "Copy or download it again.");
            }
            catch (IOException exception)
            {
                throw new InputException(path, 0, $"The file cannot be read: {exception.Message}", "Check the disk or copy it again.");
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
