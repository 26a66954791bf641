using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>Reads a pair of IDX files, images and labels as MNIST has them, into a row store.</summary>
/// <param name="labels">Null: images alone.</param>
/// <param name="progress">Is told how far the images are read.</param>
internal sealed class IdxSource(string images, string? labels, IProgress<DataProgress>? progress) : IRowSource
{
    private const uint ImagesMagic = 0x0803;
    private const uint LabelsMagic = 0x0801;
    private const int LargestEdge = 1 << 14;

    /// <summary>Pixels: a row of them is held in memory, whatever the file's own size.</summary>
    private const int LargestImage = 1 << 24;

    public RowFormat Write(Stream output, CancellationToken cancellation)
    {
        using Stream imageStream = SourceFile.Open(images, progress);
        using Stream? labelStream = labels is null ? null : SourceFile.Open(labels);
        (uint count, int height, int width) = Headers(imageStream, labelStream);
        int pixels = height * width;
        var row = new byte[((pixels + 7) / 8 * 8) + (labels is null ? 0 : sizeof(double))];
        int classes = 0;
        Span<byte> label = stackalloc byte[1];
        for (uint i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Fill(imageStream, images, row.AsSpan(0, pixels), i, count, "image");
            if (labelStream is not null)
            {
                Fill(labelStream, labels!, label, i, count, "label");
                classes = Math.Max(classes, label[0] + 1);
                double value = label[0];
                MemoryMarshal.Write(row.AsSpan(row.Length - sizeof(double)), in value);
            }

            output.Write(row);
        }

        End(imageStream, images, count);
        if (labelStream is null)
        {
            return new RowFormat(count, pixels, 0, RowKind.Bytes, [1, height, width], null, []);
        }

        End(labelStream, labels!, count);
        return new RowFormat(count, pixels, 1, RowKind.Bytes, [1, height, width], classes, []);
    }

    /// <summary>Reads the headers alone.</summary>
    public void CheckBeginnings()
    {
        using Stream imageStream = SourceFile.Open(images);
        using Stream? labelStream = labels is null ? null : SourceFile.Open(labels);
        Headers(imageStream, labelStream);
    }

    private (uint Count, int Height, int Width) Headers(Stream imageStream, Stream? labelStream)
    {
        uint[] imageHeader = Header(imageStream, images, ImagesMagic, 4, "images (magic number 0x00000803: unsigned bytes in three dimensions)");
        uint count = imageHeader[1];
        if (labelStream is not null && Header(labelStream, labels!, LabelsMagic, 2, "labels (magic number 0x00000801: unsigned bytes in one dimension)")[1] is var labelled && count != labelled)
        {
            throw new InputException(labels!, 0, $"There are {labelled} labels for {count} images in {images}.", "Use the two files of one data set.");
        }

        if (count == 0 || imageHeader[2] is 0 or > LargestEdge || imageHeader[3] is 0 or > LargestEdge || imageHeader[2] * imageHeader[3] > LargestImage)
        {
            throw new InputException(images, 0, $"The file says that it holds {count} images of {imageHeader[2]} × {imageHeader[3]}.", "Use a file with images.");
        }

        return (count, (int)imageHeader[2], (int)imageHeader[3]);
    }

    private static uint[] Header(Stream stream, string path, uint magic, int numbers, string what)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes = bytes[..(numbers * 4)];
        int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        uint found = length >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : 0;
        if (length < 4 || found != magic)
        {
            throw new InputException(path, 0, $"The file begins with 0x{found:x8}: it is no IDX file of {what}.", "Name the right file; images go to 'train', labels to 'trainLabels'.");
        }

        if (length < bytes.Length)
        {
            throw new InputException(path, 0, "The file ends within its header.", "Copy or download it again.");
        }

        var values = new uint[numbers];
        for (int i = 0; i < numbers; i++)
        {
            values[i] = BinaryPrimitives.ReadUInt32BigEndian(bytes[(4 * i)..]);
        }

        return values;
    }

    private static void Fill(Stream stream, string path, Span<byte> target, uint index, uint count, string what)
    {
        if (stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false) < target.Length)
        {
            throw new InputException(path, 0, $"The file ends within {what} {index} of {count}.", "Copy or download it again.");
        }
    }

    private static void End(Stream stream, string path, uint count)
    {
        Span<byte> more = stackalloc byte[1];
        if (stream.Read(more) != 0)
        {
            throw new InputException(path, 0, $"The file goes on after the {count} items that its header promises.", "Copy or download it again.");
        }
    }
}
