using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Data;

/// <summary>How a data file was read into a row store.</summary>
/// <param name="Features">Floats of one row's features.</param>
/// <param name="Labels">Floats of one row's labels.</param>
/// <param name="Bytes">Whether features are stored as bytes (pixels) instead of float32.</param>
/// <param name="Classes">Classes of the one label column; null where it is a number.</param>
/// <param name="ClassNames">Texts of the classes, by index; empty where they were numbers.</param>
/// <param name="Shape">Of one sample.</param>
/// <param name="Plain">By feature: a measured number, not a category's flag.</param>
/// <param name="Names">By feature; empty for images.</param>
/// <param name="Categories">Texts of each column of categories, in ordinal order, by the column's name.</param>
internal sealed record RowFormat(long Rows, int Features, int Labels, bool Bytes, int? Classes, string[] ClassNames, int[] Shape, bool[] Plain, string[] Names, Dictionary<string, string[]> Categories);

/// <summary>
/// A data set as fixed-size rows in a file: features, then labels. It may be larger than the memory: rows are read one by one, by position,
/// and not through a mapping, so that a process does not grow with what it has read. Safe for several threads.
/// </summary>
internal sealed class RowStore : IDisposable
{
    private const int ScanBytes = 1 << 19;

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly int _featureBytes;
    private readonly int _rowBytes;

    private RowStore(SafeFileHandle file, string path, RowFormat format)
    {
        _file = file;
        _path = path;
        Format = format;
        _featureBytes = FeatureBytes(format);
        _rowBytes = RowBytes(format);
    }

    public RowFormat Format { get; }

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

    /// <summary>Reads one row.</summary>
    /// <param name="features">[Format.Features]; NaN where there is no value.</param>
    /// <param name="labels">[Format.Labels]</param>
    public void Read(long row, Span<float> features, Span<float> labels)
    {
        const int OnStack = 4096;
        byte[]? rented = _rowBytes > OnStack ? ArrayPool<byte>.Shared.Rent(_rowBytes) : null;
        Span<byte> bytes = rented is null ? stackalloc byte[OnStack] : rented;
        bytes = bytes[.._rowBytes];
        ReadBytes(bytes, row);
        ToFeatures(bytes, features);
        bytes[_featureBytes..].CopyTo(MemoryMarshal.AsBytes(labels));
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Visits the features of the wanted rows, in row order.</summary>
    /// <param name="visit">Gets [Format.Features], which the next visit overwrites.</param>
    public void Scan(Func<long, bool> wanted, Action<float[]> visit, CancellationToken cancellation)
    {
        int rowsAtOnce = Math.Max(1, ScanBytes / _rowBytes);
        var bytes = new byte[rowsAtOnce * _rowBytes];
        var features = new float[Format.Features];
        for (long first = 0; first < Format.Rows; first += rowsAtOnce)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(rowsAtOnce, Format.Rows - first);
            ReadBytes(bytes.AsSpan(0, count * _rowBytes), first);
            for (int i = 0; i < count; i++)
            {
                if (wanted(first + i))
                {
                    ToFeatures(bytes.AsSpan(i * _rowBytes, _rowBytes), features);
                    visit(features);
                }
            }
        }
    }

    public void Dispose() => _file.Dispose();

    // Labels begin at a multiple of four.
    internal static int FeatureBytes(RowFormat format) => format.Bytes ? (format.Features + 3) / 4 * 4 : format.Features * sizeof(float);

    private static int RowBytes(RowFormat format) => FeatureBytes(format) + (format.Labels * sizeof(float));

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
            if (RandomAccess.GetLength(file) == format.Rows * RowBytes(format))
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

    private void ReadBytes(Span<byte> bytes, long row)
    {
        long offset = row * _rowBytes;
        while (bytes.Length > 0)
        {
            int read = RandomAccess.Read(_file, bytes, offset);
            if (read == 0)
            {
                throw new InvalidDataException($"The cached data {_path} were cut off while in use. Delete the file and start again.");
            }

            bytes = bytes[read..];
            offset += read;
        }
    }

    private void ToFeatures(ReadOnlySpan<byte> row, Span<float> features)
    {
        if (!Format.Bytes)
        {
            row[.._featureBytes].CopyTo(MemoryMarshal.AsBytes(features));
            return;
        }

        for (int i = 0; i < features.Length; i++)
        {
            features[i] = row[i];
        }
    }
}
