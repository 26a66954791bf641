using System.Buffers.Binary;
using System.IO.Hashing;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using StbImageSharp;

namespace Lockstep.Data;

/// <summary>One PNG or JPEG file.</summary>
internal static class ImageFile
{
    private const int LargestFile = 1 << 28;
    private const long LargestImage = 1 << 27;

    private static ReadOnlySpan<byte> Png => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    private static ReadOnlySpan<byte> Jpeg => [0xFF, 0xD8, 0xFF];

    /// <summary>Reads an image at a job's size.</summary>
    /// <param name="target">[channels × height × width] with the edges that are cropped, overwritten.</param>
    /// <exception cref="InputException">It is missing, no image, or damaged.</exception>
    public static void Read(string path, ImageSpec image, Span<byte> target)
    {
        byte[] bytes = Bytes(path);
        CheckEnd(path, bytes);
        ImageResult decoded = Guarded(path, () =>
        {
            using MemoryStream header = new EndedStream(bytes), all = new EndedStream(bytes);
            ImageInfo info = ImageInfo.FromStream(header) ?? throw new InvalidDataException("its header cannot be read");
            return info.Width > 0 && info.Height > 0 && (long)info.Width * info.Height <= LargestImage
                ? ImageResult.FromStream(all, image.Shape[0] == 1 ? ColorComponents.Grey : ColorComponents.RedGreenBlue)
                : throw new InvalidDataException($"it says that it has {info.Width} × {info.Height} pixels");
        });
        ImageScaling.Fit(decoded.Data, decoded.Width, decoded.Height, image, target);
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            using FileStream file = RegularFile.Open(path);
            if (file.Length > LargestFile)
            {
                throw new InputException(path, 0, $"The image's file has {file.Length} bytes; more than {LargestFile} are not read.", "Give a smaller image.");
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException(path, 0, "There is no such image.", "Correct the name in the table, which is taken from the table's folder.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(path, 0, $"The image cannot be read: {exception.Message}", "Correct its rights, or copy it again.");
        }
    }

    /// <summary>A decoder makes grey of what is missing at the end: it is looked for first.</summary>
    private static void CheckEnd(string path, ReadOnlySpan<byte> bytes)
    {
        bool isPng = bytes.StartsWith(Png);
        if (!isPng && !bytes.StartsWith(Jpeg))
        {
            throw new InputException(path, 0, bytes.IsEmpty ? "The image's file is empty." : $"The file is no PNG and no JPEG: it begins with {Convert.ToHexStringLower(bytes[..Math.Min(4, bytes.Length)])}.", "Convert it to one of the two, or leave it out.");
        }

        // Of a JPEG, the marks of the last scan's beginning and of the end.
        bool isWhole = isPng ? IsWholePng(path, bytes[Png.Length..]) : bytes.LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xD9]) > bytes.LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        if (!isWhole)
        {
            throw new InputException(path, 0, "The image ends too early.", "Copy or download it again.");
        }
    }

    /// <summary>Goes through the chunks, which have checksums, that the decoder does not look at.</summary>
    private static bool IsWholePng(string path, ReadOnlySpan<byte> chunks)
    {
        const int Around = 12;
        while (chunks.Length >= Around)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(chunks);
            if (length > chunks.Length - Around)
            {
                return false;
            }

            ReadOnlySpan<byte> named = chunks.Slice(4, 4 + (int)length);
            if (Crc32.HashToUInt32(named) != BinaryPrimitives.ReadUInt32BigEndian(chunks[(8 + (int)length)..]))
            {
                throw new InputException(path, 0, "The image is damaged: a checksum in it is wrong.", "Copy or download it again, or leave it out.");
            }

            if (named.StartsWith("IEND"u8))
            {
                return true;
            }

            chunks = chunks[(Around + (int)length)..];
        }

        return false;
    }

    private static ImageResult Guarded(string path, Func<ImageResult> decode)
    {
        try
        {
            return decode();
        }
        catch (Exception exception) when (exception is not (OutOfMemoryException or InputException))
        {
            // Damaged sizes and tables end in exceptions of every kind.
            throw new InputException(path, 0, $"The image is damaged: {exception.Message.TrimEnd('.')}.", "Copy or download it again, or leave it out.");
        }
    }
}
