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

    /// <summary>Bytes between two words of how far it is.</summary>
    private const int Stride = 1 << 20;

    /// <summary>Files of other kinds that are taken for CSV, by their first bytes.</summary>
    private static readonly (byte[] Start, string Kind, string Remedy)[] Others =
    [
        ([0x50, 0x4B, 0x03, 0x04], "a zip archive or a spreadsheet", "Unpack it, or save the sheet as CSV."),
        ([0x50, 0x41, 0x52, 0x31], "a Parquet file", "Set 'format: parquet'."),
        ([0x28, 0xB5, 0x2F, 0xFD], "compressed by zstd", "Decompress it, or compress it by gzip."),
        ([0x42, 0x5A, 0x68], "compressed by bzip2", "Decompress it, or compress it by gzip."),
        ([0xFD, 0x37, 0x7A, 0x58], "compressed by xz", "Decompress it, or compress it by gzip."),
    ];

    /// <summary>Opens a file for reading, decompressed where its name ends in .gz or it begins like such a file. Reading throws <see cref="InputException"/> where the file is damaged.</summary>
    /// <param name="progress">Is told how far it is read.</param>
    /// <exception cref="InputException">It is missing, a folder, or may not be read.</exception>
    public static Stream Open(string path, IProgress<DataProgress>? progress = null)
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
        return new GuardedStream(path, file, compressed, "reading", progress);
    }

    /// <summary>Opens a file that is read in pieces from anywhere.</summary>
    /// <param name="sign">It begins and ends with.</param>
    /// <param name="kind">For messages.</param>
    /// <param name="progress">Is told how far it is read.</param>
    /// <exception cref="InputException">It is missing, a folder, may not be read, or is of another kind.</exception>
    public static Stream OpenSeekable(string path, ReadOnlySpan<byte> sign, string kind, IProgress<DataProgress>? progress)
    {
        FileStream file = OpenRaw(path);
        Span<byte> ends = stackalloc byte[2 * sign.Length];
        Span<byte> start = ends[..sign.Length], end = ends[sign.Length..];
        int read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (read == start.Length && start.SequenceEqual(sign))
        {
            file.Position = file.Length - end.Length;
            if (file.Length >= ends.Length && file.ReadAtLeast(end, end.Length, throwOnEndOfStream: false) == end.Length && end.SequenceEqual(sign))
            {
                file.Position = 0;
                return new SoughtStream(path, file, progress);
            }

            file.Dispose();
            throw new InputException(path, 0, $"The {kind} file ends too early: its end is not there.", "Copy or download it again.");
        }

        file.Dispose();
        throw new InputException(path, 0, read == 0 ? "The file is empty." : $"The file is no {kind} file: it begins with {Convert.ToHexStringLower(start[..read])}.", "Name the right file, or another 'format'.");
    }

    /// <summary>SHA-256 of the file's bytes.</summary>
    /// <param name="progress">Is told how far it is.</param>
    public static byte[] Hash(string path, IProgress<DataProgress>? progress)
    {
        using var file = new GuardedStream(path, OpenRaw(path), compressed: false, "hashing", progress);
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
    private sealed class GuardedStream(string path, FileStream file, bool compressed, string doing, IProgress<DataProgress>? progress) : ForwardStream
    {
        private readonly Stream _inner = compressed ? new GZipInputStream(file, Buffer) : file;
        private long _told;

        public override int Read(byte[] buffer, int offset, int count)
        {
            try
            {
                int read = _inner.Read(buffer, offset, count);
                if (progress is not null && file.Position >= _told + Stride)
                {
                    _told = file.Position;
                    progress.Report(new DataProgress(path, doing, _told, file.Length));
                }

                return read;
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
                _inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }

    /// <summary>A file that is read from anywhere, and tells how far that is.</summary>
    private sealed class SoughtStream(string path, FileStream file, IProgress<DataProgress>? progress) : Stream
    {
        private long _told;

        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length => file.Length;

        public override long Position
        {
            get => file.Position;
            set => file.Position = value;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int read = file.Read(buffer);
            if (progress is not null && file.Position >= _told + Stride)
            {
                _told = file.Position;
                progress.Report(new DataProgress(path, "reading", _told, file.Length));
            }

            return read;
        }

        public override long Seek(long offset, SeekOrigin origin) => file.Seek(offset, origin);

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            file.Dispose();
            base.Dispose(disposing);
        }
    }
}
