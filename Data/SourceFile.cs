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

    /// <summary>Opens a file for reading, decompressed where its name ends in .gz. Reading throws <see cref="InputException"/> where the file is damaged.</summary>
    /// <exception cref="InputException">It is missing, a folder, or may not be read.</exception>
    public static Stream Open(string path)
    {
        FileStream file = OpenRaw(path);
        // The framework's own GZipStream takes a file that breaks off for one that ends.
        return new GuardedStream(path, IsCompressed(path) ? new GZipInputStream(file, Buffer) : file);
    }

    /// <summary>SHA-256 of the file's bytes.</summary>
    public static byte[] Hash(string path)
    {
        using var file = new GuardedStream(path, OpenRaw(path));
        return SHA256.HashData(file);
    }

    private static bool IsCompressed(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

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
    private sealed class GuardedStream(string path, Stream inner) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            try
            {
                return inner.Read(buffer, offset, count);
            }
            catch (Exception exception) when (IsCompressed(path) && exception is EndOfStreamException or SharpZipBaseException or IndexOutOfRangeException or ArgumentException)
            {
                // Damaged tables of codes make the decompressor reach beyond its arrays.
                throw new InputException(path, 0, $"The compressed file is damaged or ends too early ({exception.Message.TrimEnd('.')}).", "Copy or download it again.");
            }
            catch (IOException exception)
            {
                throw new InputException(path, 0, $"The file cannot be read: {exception.Message}", "Check the disk or copy it again.");
            }
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

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
