using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Reads images into a row store, at the size that samples are taken of.</summary>
/// <param name="sources">Folders in which each folder is a class, or tables of names and labels.</param>
/// <param name="isClasses">Whether the loss takes classes as labels, and not numbers.</param>
/// <param name="isLabelled">False: labels are not looked at.</param>
/// <param name="known">Of the training data; null: these are the training data.</param>
/// <param name="progress">Is told how many images are read.</param>
internal sealed class ImageSource(IReadOnlyList<string> sources, DataSpec spec, bool isClasses, bool isLabelled, DataSchema? known, IProgress<DataProgress>? progress) : IRowSource
{
    private const int MostTold = 20;

    private readonly ImageSpec image = spec.Image!;

    public void CheckBeginnings() => ImageFile.Read(ImageList.Of(sources, spec, isClasses, isLabelled: false, known).Images[0].Path, image, new byte[Length()]);

    public string Hash(string cacheDirectory)
    {
        string[] tables = [.. sources.Where(source => !Directory.Exists(source))];
        return SourceHashes.OfAll(string.Join('|', sources), [.. tables, .. List().Images.Select(one => one.Path)], sources, cacheDirectory, progress);
    }

    public RowFormat Write(Stream output, CancellationToken cancellation)
    {
        ImageList list = List();
        int pixels = Length();
        int first = (pixels + 7) / 8 * 8;
        var row = new byte[first + (list.Labels.Length * sizeof(double))];
        var errors = new List<InputError>();
        foreach ((int i, ImageEntry one) in list.Images.Index())
        {
            cancellation.ThrowIfCancellationRequested();
            progress?.Report(new DataProgress(sources[0], "images", i, list.Images.Count));
            try
            {
                ImageFile.Read(one.Path, image, row.AsSpan(0, pixels));
            }
            catch (InputException exception)
            {
                errors.AddRange(exception.Errors);
                if (errors.Count >= MostTold)
                {
                    break;
                }
            }

            one.Labels.CopyTo(MemoryMarshal.Cast<byte, double>(row.AsSpan(first)));
            output.Write(row);
        }

        return errors.Count == 0
            ? new RowFormat(list.Images.Count, pixels, list.Labels.Length, RowKind.Bytes, [image.Shape[0], image.Shape[1] + image.Crop, image.Shape[2] + image.Crop], RowFormat.ClassesOf(list.Labels), list.Labels)
            : throw new InputException(errors);
    }

    private ImageList List() => ImageList.Of(sources, spec, isClasses, isLabelled, known);

    private int Length() => checked(image.Shape[0] * (image.Shape[1] + image.Crop) * (image.Shape[2] + image.Crop));
}
