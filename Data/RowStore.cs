using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Data;

/// <summary>
/// A data set as fixed-size rows in a file: features as float64, bytes or int32, then labels as float64, all as they were read. It may be larger than the memory: the file is mapped,
/// so its pages are the system's own copy, shared by all processes of the machine and given up where memory is short. What is read is compared with hashes that were written with it.
/// Safe for several threads.
/// </summary>
internal sealed class RowStore : IDisposable
{
    private const int ScanBytes = 1 << 19;

    private readonly SafeFileHandle _file;
    private readonly MemoryMappedViewAccessor _mapping;
    private readonly string _path;
    private readonly RowSums _sums;
    private readonly int _featureBytes;
    private readonly int _rowBytes;

    private RowStore(SafeFileHandle file, string path, RowFormat format, RowSums sums)
    {
        _file = file;
        _path = path;
        _sums = sums;
        Format = format;
        _featureBytes = FeatureBytes(format);
        _rowBytes = BytesOf(format);
        using var mapped = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        _mapping = mapped.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
    }

    public RowFormat Format { get; }

    /// <value>Is told how many rows of a scan are done; null: nobody is.</value>
    public Action<long>? Scanned { get; set; }

    /// <summary>Opens the store of a key, or makes it. Several processes may ask at once: one makes it, the others wait.</summary>
    /// <param name="write">Writes the rows and says what they are.</param>
    public static RowStore OpenOrCreate(string cacheDirectory, string key, Func<Stream, RowFormat> write, CancellationToken cancellation)
    {
        string path = Path.Combine(cacheDirectory, key + ".rows");
        string formatPath = Path.Combine(cacheDirectory, key + ".json");
        return CacheEntry.GetOrMake(cacheDirectory, key, () => Find(path, formatPath), ending =>
        {
            // The description is written last, so a store that has one is whole.
            Description? description = null;
            CacheEntry.Write(path, ending, file =>
            {
                using var rows = new RowSums.Writer(file);
                description = new Description(write(rows), rows.Finish());
            });
            CacheEntry.Write(formatPath, ending, file => JsonSerializer.Serialize(file, description));
        }, cancellation);
    }

    /// <summary>Where the labels begin within a row.</summary>
    public int LabelOffset => _featureBytes;

    /// <summary>Begins to read some rows.</summary>
    /// <exception cref="InvalidDataException">The file was cut off: what is missing cannot be read through a mapping.</exception>
    public RowReader Open()
    {
        if (RandomAccess.GetLength(_file) != FileBytes(Format))
        {
            throw Torn("were cut off while in use");
        }

        return new RowReader(this, _mapping.SafeMemoryMappedViewHandle, _rowBytes);
    }

    /// <summary>Compares what is about to be read with what was written.</summary>
    /// <param name="first">The first byte of all rows.</param>
    /// <param name="offset">Of the first byte that is about to be read.</param>
    /// <exception cref="InvalidDataException">They are not the same.</exception>
    public unsafe void Compare(byte* first, long offset, long count)
    {
        if (!_sums.Compare(first, offset, count))
        {
            throw Torn("are not what was written to them");
        }
    }

    /// <summary>Visits the wanted rows in order, through a small buffer: a process that reads all once does not grow by it.</summary>
    /// <param name="visit">Gets [Format.Features + Format.Labels], which the next visit overwrites.</param>
    public void Scan(Func<long, bool> wanted, Action<double[]> visit, CancellationToken cancellation)
    {
        int rowsAtOnce = Math.Max(1, ScanBytes / _rowBytes);
        var bytes = new byte[rowsAtOnce * _rowBytes];
        var values = new double[Format.Features + Format.Labels];
        RowSums.Reading reading = _sums.Begin();
        for (long first = 0; first < Format.Rows; first += rowsAtOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            Scanned?.Invoke(first);
            int count = (int)Math.Min(rowsAtOnce, Format.Rows - first);
            Read(first, bytes.AsSpan(0, count * _rowBytes));
            reading.Add(bytes.AsSpan(0, count * _rowBytes));
            for (int i = 0; i < count; i++)
            {
                if (wanted(first + i))
                {
                    ToValues(bytes.AsSpan(i * _rowBytes, _rowBytes), values);
                    visit(values);
                }
            }
        }

        reading.Finish();
        if (!reading.IsGood)
        {
            throw Torn("are not what was written to them");
        }
    }

    public void Dispose()
    {
        _mapping.Dispose();
        _file.Dispose();
    }

    // Labels begin at a multiple of eight.
    internal static int FeatureBytes(RowFormat format) => format.Kind switch
    {
        RowKind.Bytes => (format.Features + 7) / 8 * 8,
        RowKind.Tokens => format.Features * sizeof(int),
        _ => format.Features * sizeof(double),
    };

    private static int BytesOf(RowFormat format) => FeatureBytes(format) + (format.Labels * sizeof(double));

    /// <summary>Null where the store is missing or damaged, so that it is made again.</summary>
    private static RowStore? Find(string path, string formatPath)
    {
        if (!File.Exists(formatPath))
        {
            return null;
        }

        SafeFileHandle? file = null;
        try
        {
            if (JsonSerializer.Deserialize<Description>(File.ReadAllText(formatPath)) is not { Format: { } format } description)
            {
                return null;
            }

            file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);
            if (RandomAccess.GetLength(file) == FileBytes(format) && Sums(file, format) is var sums && RowSums.Of(sums) == description.Sums)
            {
                return new RowStore(file, path, format, new RowSums(sums, format.Rows * BytesOf(format)));
            }
        }
        catch (Exception exception) when (exception is JsonException or FileNotFoundException)
        {
        }

        file?.Dispose();
        return null;
    }

    private static long FileBytes(RowFormat format) => (format.Rows * BytesOf(format)) + RowSums.BytesFor(format.Rows * BytesOf(format));

    private static ulong[] Sums(SafeFileHandle file, RowFormat format)
    {
        long rows = format.Rows * BytesOf(format);
        var sums = new ulong[RowSums.BytesFor(rows) / sizeof(ulong)];
        Span<byte> bytes = MemoryMarshal.AsBytes(sums.AsSpan());
        for (int read; bytes.Length > 0 && (read = RandomAccess.Read(file, bytes, FileBytes(format) - bytes.Length)) > 0; bytes = bytes[read..])
        {
        }

        return sums;
    }

    /// <summary>The entry is given up: whoever opens it next makes it again.</summary>
    private InvalidDataException Torn(string how)
    {
        try
        {
            File.Delete(Path.ChangeExtension(_path, ".json"));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new($"The cached data {_path} {how}, and cannot be removed: {exception.Message} Delete the file and start again.");
        }

        return new($"The cached data {_path} {how}. They are made again when they are opened next.");
    }

    private void Read(long row, Span<byte> bytes)
    {
        long offset = row * _rowBytes;
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(_file, bytes, offset);
            if (read == 0)
            {
                throw Torn("were cut off while in use");
            }

            bytes = bytes[read..];
            offset += read;
        }
    }

    private void ToValues(ReadOnlySpan<byte> row, Span<double> values)
    {
        if (!Format.Bytes)
        {
            row.CopyTo(MemoryMarshal.AsBytes(values));
            return;
        }

        for (int i = 0; i < Format.Features; i++)
        {
            values[i] = row[i];
        }

        row[_featureBytes..].CopyTo(MemoryMarshal.AsBytes(values[Format.Features..]));
    }

    /// <param name="Sums">See <see cref="RowSums.Of"/>.</param>
    private sealed record Description(RowFormat Format, ulong Sums);
}
