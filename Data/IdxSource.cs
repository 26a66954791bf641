using System.Runtime.InteropServices;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>Reads pairs of IDX files, images and labels as MNIST has them, into a row store.</summary>
/// <param name="images">Follow each other; all have images of one size.</param>
/// <param name="labels">One for each; empty: images alone.</param>
/// <param name="progress">Is told how far the images are read.</param>
internal sealed class IdxSource(IReadOnlyList<string> images, IReadOnlyList<string> labels, IProgress<DataProgress>? progress) : IRowSource
{
    public void CheckBeginnings()
    {
        (int Height, int Width)? size = null;
        for (int file = 0; file < images.Count; file++)
        {
            Open(file, ref size, progress: null).Dispose();
        }
    }

    public string Hash(string cacheDirectory) => SourceHashes.Of([.. images, .. labels], cacheDirectory, progress);

    public RowFormat Write(Stream output, CancellationToken cancellation)
    {
        (int Height, int Width)? size = null;
        long rows = 0;
        int classes = 0;
        for (int file = 0; file < images.Count; file++)
        {
            using IdxPair pair = Open(file, ref size, progress);
            int pixels = pair.Height * pair.Width;
            var row = new byte[((pixels + 7) / 8 * 8) + (labels.Count == 0 ? 0 : sizeof(double))];
            while (pair.Read(row.AsSpan(0, pixels), out int label))
            {
                cancellation.ThrowIfCancellationRequested();
                if (labels.Count > 0)
                {
                    classes = Math.Max(classes, label + 1);
                    double value = label;
                    MemoryMarshal.Write(row.AsSpan(row.Length - sizeof(double)), in value);
                }

                output.Write(row);
                rows++;
            }
        }

        return new RowFormat(rows, size!.Value.Height * size.Value.Width, labels.Count == 0 ? 0 : 1, RowKind.Bytes, [1, size.Value.Height, size.Value.Width], labels.Count == 0 ? null : classes, []);
    }

    private IdxPair Open(int file, ref (int Height, int Width)? size, IProgress<DataProgress>? progress)
    {
        var pair = new IdxPair(images[file], labels.Count == 0 ? null : labels[file], progress);
        size ??= (pair.Height, pair.Width);
        if (size == (pair.Height, pair.Width))
        {
            return pair;
        }

        pair.Dispose();
        throw new InputException(images[file], 0, $"The images are of {pair.Height} × {pair.Width}, those of {images[0]} of {size.Value.Height} × {size.Value.Width}.", "Name files of one data set.");
    }
}
