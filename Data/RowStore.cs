using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Data;

/// <summary>
/// A data set as fixed-size rows in a file: features as float64, bytes or int32, then labels as float64, all as they were read. It may be larger than the memory: the file is mapped,
/// so its pages are the system's own copy, shared by all processes of the machine and given up where memory is short. Safe for several threads.
/// </summary>
internal sealed class RowStore : IDisposable
{
    private const int ScanBytes = 1 << 19;

    private readonly SafeFileHandle _file;
    private readonly MemoryMappedViewAccessor _mapping;
    private readonly string _path;
    private readonly int _featureBytes;
    private readonly int _rowBytes;

    private RowStore(SafeFileHandle file, string path, RowFormat format)
    {
        _file = file;
        _path = path;
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
            RowFormat? format = null;
            CacheEntry.Write(path, ending, file => format = write(file));
            CacheEntry.Write(formatPath, ending, file => JsonSerializer.Serialize(file, format));
        }, cancellation);
    }

    /// <summary>Where the labels begin within a row.</summary>
    public int LabelOffset => _featureBytes;

    /// <summary>Begins to read some rows.</summary>
    /// <exception cref="InvalidDataException">The file was cut off: what is missing cannot be read through a mapping.</exception>
    public RowReader Open()
    {
        if (RandomAccess.GetLength(_file) != Format.Rows * _rowBytes)
        {
            throw CutOff();
        }

        return new RowReader(_mapping.SafeMemoryMappedViewHandle, _rowBytes);
    }

    /// <summary>Visits the wanted rows in order, through a small buffer: a process that reads all once does not grow by it.</summary>
    /// <param name="visit">Gets [Format.Features + Format.Labels], which the next visit overwrites.</param>
    public void Scan(Func<long, bool> wanted, Action<double[]> visit, CancellationToken cancellation)
    {
        int rowsAtOnce = Math.Max(1, ScanBytes / _rowBytes);
        var bytes = new byte[rowsAtOnce * _rowBytes];
        var values = new double[Format.Features + Format.Labels];
        for (long first = 0; first < Format.Rows; first += rowsAtOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            Scanned?.Invoke(first);
            int count = (int)Math.Min(rowsAtOnce, Format.Rows - first);
            Read(first, bytes.AsSpan(0, count * _rowBytes));
            for (int i = 0; i < count; i++)
            {
                if (wanted(first + i))
                {
                    ToValues(bytes.AsSpan(i * _rowBytes, _rowBytes), values);
                    visit(values);
                }
            }
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
            if (JsonSerializer.Deserialize<RowFormat>(File.ReadAllText(formatPath)) is not { } format)
            {
                return null;
            }

            file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);
            if (RandomAccess.GetLength(file) == format.Rows * BytesOf(format))
            {
                return new RowStore(file, path, format);
            }
        }
        catch (Exception exception) when (exception is JsonException or FileNotFoundException)
        {
        }

        file?.Dispose();
        return null;
    }

    private InvalidDataException CutOff() => new($"The cached data {_path} were cut off while in use. Delete the file and start again.");

    private void Read(long row, Span<byte> bytes)
    {
        long offset = row * _rowBytes;
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(_file, bytes, offset);
            if (read == 0)
            {
                throw CutOff();
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
}
