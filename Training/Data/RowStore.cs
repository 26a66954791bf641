using System.IO.MemoryMappedFiles;
using System.Text.Json;

namespace Lockstep.Training;

/// <summary>How a data file was read into a row store.</summary>
/// <param name="Features">Floats of one row's features.</param>
/// <param name="Labels">Floats of one row's labels.</param>
/// <param name="Bytes">Whether features are stored as bytes (pixels) instead of float32.</param>
/// <param name="Classes">Classes of the one label column; null where it is a number.</param>
/// <param name="ClassNames">Texts of the classes, by index; empty where they were numbers.</param>
/// <param name="Shape">Of one sample.</param>
/// <param name="Plain">By feature: a measured number, not a category's flag.</param>
/// <param name="Names">By feature; empty for images.</param>
/// <param name="Missing">Features in which some row has no value (stored as NaN).</param>
internal sealed record RowFormat(long Rows, int Features, int Labels, bool Bytes, int? Classes, string[] ClassNames, int[] Shape, bool[] Plain, string[] Names, int[] Missing);

/// <summary>A data set as fixed-size rows in a file: features, then labels. Read through a mapping, so that it may be larger than the memory. Safe for several threads.</summary>
internal sealed class RowStore : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly int _featureBytes;
    private readonly int _rowBytes;

    private RowStore(MemoryMappedFile file, RowFormat format)
    {
        _file = file;
        _view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        Format = format;
        _featureBytes = FeatureBytes(format);
        _rowBytes = _featureBytes + (format.Labels * sizeof(float));
    }

    public RowFormat Format { get; }

    /// <summary>Opens the store of a key, or makes it. Several processes may ask at once: one makes it, the others wait.</summary>
    /// <param name="write">Writes the rows and says what they are.</param>
    public static RowStore OpenOrCreate(string cacheDirectory, string key, Func<Stream, RowFormat> write, CancellationToken cancellation)
    {
        string path = Path.Combine(cacheDirectory, key + ".rows");
        string formatPath = Path.Combine(cacheDirectory, key + ".json");
        CacheLock.Run(cacheDirectory, key, () =>
        {
            // The description is written last, so a store that has one is whole.
            if (File.Exists(formatPath))
            {
                return;
            }

            string temporary = path + ".tmp";
            RowFormat format;
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
            {
                format = write(file);
            }

            File.Move(temporary, path, overwrite: true);
            File.WriteAllText(formatPath + ".tmp", JsonSerializer.Serialize(format));
            File.Move(formatPath + ".tmp", formatPath, overwrite: true);
        }, cancellation);
        RowFormat known = JsonSerializer.Deserialize<RowFormat>(File.ReadAllText(formatPath)) ?? throw new InvalidDataException($"The cached description {formatPath} is empty. Delete {cacheDirectory}.");
        long expected = known.Rows * (FeatureBytes(known) + (known.Labels * (long)sizeof(float)));
        if (new FileInfo(path).Length != expected)
        {
            throw new InvalidDataException($"The cached data {path} have another length than their description says. Delete {cacheDirectory}.");
        }

        return new RowStore(MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read), known);
    }

    /// <summary>Reads one row.</summary>
    /// <param name="features">[Format.Features]; NaN where there is no value.</param>
    /// <param name="labels">[Format.Labels]</param>
    public void Read(long row, Span<float> features, Span<float> labels)
    {
        ulong offset = (ulong)row * (ulong)_rowBytes;
        var handle = _view.SafeMemoryMappedViewHandle;
        if (Format.Bytes)
        {
            Span<byte> pixels = features.Length <= 4096 ? stackalloc byte[features.Length] : new byte[features.Length];
            handle.ReadSpan(offset, pixels);
            for (int i = 0; i < pixels.Length; i++)
            {
                features[i] = pixels[i];
            }
        }
        else
        {
            handle.ReadSpan(offset, features);
        }

        handle.ReadSpan(offset + (ulong)_featureBytes, labels);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }

    // Labels begin at a multiple of four.
    internal static int FeatureBytes(RowFormat format) => format.Bytes ? (format.Features + 3) / 4 * 4 : format.Features * sizeof(float);
}
