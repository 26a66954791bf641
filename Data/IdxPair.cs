using System.Buffers.Binary;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>One IDX file of images with that of their labels, while it is read.</summary>
internal sealed class IdxPair : IDisposable
{
    private const uint ImagesMagic = 0x0803;
    private const uint LabelsMagic = 0x0801;
    private const int LargestEdge = 1 << 14;

    /// <summary>Pixels: a row of them is held in memory, whatever the file's own size.</summary>
    private const int LargestImage = 1 << 24;

    private readonly string _images;
    private readonly string? _labels;
    private readonly Stream _imageStream;
    private readonly Stream? _labelStream;
    private readonly uint _count;
    private uint _read;

    /// <param name="labels">Null: images alone.</param>
    /// <param name="progress">Is told how far the images are read.</param>
    /// <exception cref="InputException">The files are of another kind, or do not belong together.</exception>
    public IdxPair(string images, string? labels, IProgress<DataProgress>? progress)
    {
        (_images, _labels) = (images, labels);
        _imageStream = SourceFile.Open(images, progress);
        try
        {
            _labelStream = labels is null ? null : SourceFile.Open(labels);
            (_count, Height, Width) = Headers();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Height { get; }

    public int Width { get; }

    /// <summary>Reads the next image and its label.</summary>
    /// <param name="pixels">[Height × Width], overwritten.</param>
    /// <returns>False: there are no more.</returns>
    /// <exception cref="InputException">A file ends too early, or goes on.</exception>
    public bool Read(Span<byte> pixels, out int label)
    {
        label = 0;
        if (_read == _count)
        {
            End(_imageStream, _images);
            if (_labelStream is not null)
            {
                End(_labelStream, _labels!);
            }

            return false;
        }

        Fill(_imageStream, _images, pixels, "image");
        if (_labelStream is not null)
        {
            Span<byte> one = stackalloc byte[1];
            Fill(_labelStream, _labels!, one, "label");
            label = one[0];
        }

        _read++;
        return true;
    }

    public void Dispose()
    {
        _imageStream.Dispose();
        _labelStream?.Dispose();
    }

    private (uint Count, int Height, int Width) Headers()
    {
        uint[] imageHeader = Header(_imageStream, _images, ImagesMagic, 4, "images (magic number 0x00000803: unsigned bytes in three dimensions)");
        uint count = imageHeader[1];
        if (_labelStream is not null && Header(_labelStream, _labels!, LabelsMagic, 2, "labels (magic number 0x00000801: unsigned bytes in one dimension)")[1] is var labelled && count != labelled)
        {
            throw new InputException(_labels!, 0, $"There are {labelled} labels for {count} images in {_images}.", "Use the two files of one data set.");
        }

        if (count == 0 || imageHeader[2] is 0 or > LargestEdge || imageHeader[3] is 0 or > LargestEdge || imageHeader[2] * imageHeader[3] > LargestImage)
        {
            throw new InputException(_images, 0, $"The file says that it holds {count} images of {imageHeader[2]} × {imageHeader[3]}.", "Use a file with images.");
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

    private void Fill(Stream stream, string path, Span<byte> target, string what)
    {
        if (stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false) < target.Length)
        {
            throw new InputException(path, 0, $"The file ends within {what} {_read} of {_count}.", "Copy or download it again.");
        }
    }

    private void End(Stream stream, string path)
    {
        Span<byte> more = stackalloc byte[1];
        if (stream.Read(more) != 0)
        {
            throw new InputException(path, 0, $"The file goes on after the {_count} items that its header promises.", "Copy or download it again.");
        }
    }
}
