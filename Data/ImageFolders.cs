using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Folders of images in which each folder is a class, called by its name.</summary>
internal static class ImageFolders
{
    private const string Column = "class";
    private const int ShownClasses = 10;

    private static readonly string[] Endings = [".png", ".jpg", ".jpeg"];

    /// <exception cref="InputException">An image is in no class's folder, or in that of a class which the training data do not have.</exception>
    public static ImageList List(IReadOnlyList<string> folders, DataSpec spec, bool isLabelled, DataSchema? known)
    {
        if (!isLabelled)
        {
            return new([.. folders.SelectMany(folder => Images(folder, SearchOption.AllDirectories)).Select(path => new ImageEntry(path, []))], []);
        }

        if (spec.Labels.Count > 0)
        {
            throw new InputException(folders[0], 0, "'labels' names columns of a table, and this is a folder: its folders are the classes.", "Remove 'labels', or name a table of the images.");
        }

        foreach (string folder in folders)
        {
            if (Images(folder, SearchOption.TopDirectoryOnly).FirstOrDefault() is { } loose)
            {
                throw new InputException(loose, 0, $"The image lies in {folder} itself, and so in no class's folder.", "Give each class a folder of its own, or name a table of the images.");
            }
        }

        string[] classes = [.. folders.SelectMany(Classes).Select(path => Path.GetFileName(path)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (known is not null)
        {
            string[] texts = known.Categories.GetValueOrDefault(Column) ?? [];
            if (classes.Except(texts).FirstOrDefault() is { } other)
            {
                throw new InputException(folders[0], 0, $"The folder '{other}' is a class that the training data do not have ({string.Join(", ", texts.Take(ShownClasses))}{(texts.Length > ShownClasses ? " …" : "")}).", "Move its images, or add such a folder to the training data.");
            }

            classes = texts;
        }

        ImageEntry[] images =
        [
            .. folders.SelectMany(Classes).SelectMany(folder => Images(folder, SearchOption.AllDirectories)
                .Select(path => new ImageEntry(path, [Array.BinarySearch(classes, Path.GetFileName(folder), StringComparer.Ordinal)]))),
        ];
        return new(images, [new RowColumn(Column, classes, null, null, false, null)]);
    }

    private static IEnumerable<string> Classes(string folder) => Guarded(folder, () => Directory.GetDirectories(folder))
        .Where(path => !Path.GetFileName(path).StartsWith('.') && Images(path, SearchOption.AllDirectories).Length > 0)
        .Order(StringComparer.Ordinal);

    private static string[] Images(string folder, SearchOption option) => Guarded(folder, () => Directory.GetFiles(folder, "*", option)
        .Where(path => Endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase))
        .Order(StringComparer.Ordinal)
        .ToArray());

    private static string[] Guarded(string folder, Func<string[]> list)
    {
        try
        {
            return list();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(folder, 0, $"The folder cannot be read: {exception.Message}", "Correct the path or its rights.");
        }
    }
}
