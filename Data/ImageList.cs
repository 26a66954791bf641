using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>The images of a data set with their labels: of folders in which each folder is a class, or of tables of names and labels.</summary>
/// <param name="Images">In the order of their rows.</param>
/// <param name="Labels">The labels' columns; empty: there are none.</param>
internal sealed record ImageList(IReadOnlyList<ImageEntry> Images, RowColumn[] Labels)
{
    /// <param name="sources">Folders, or tables.</param>
    /// <param name="isClasses">Whether the loss takes classes as labels, and not numbers.</param>
    /// <param name="isLabelled">False: labels are not looked at.</param>
    /// <param name="known">Of the training data; null: these are the training data.</param>
    /// <exception cref="InputException">There are no images, or what is said of them cannot be.</exception>
    public static ImageList Of(IReadOnlyList<string> sources, DataSpec spec, bool isClasses, bool isLabelled, DataSchema? known)
    {
        bool[] folders = [.. sources.Select(Directory.Exists)];
        if (folders.Distinct().Count() > 1)
        {
            throw new InputException(sources[Array.IndexOf(folders, false)], 0, $"This is no folder, and {sources[Array.IndexOf(folders, true)]} is one.", "Name folders of images, or tables of their names.");
        }

        ImageList list = folders[0] ? ImageFolders.List(sources, spec, isLabelled, known) : ImageTables.List(sources, spec, isClasses, isLabelled, known);
        return list.Images.Count > 0 ? list : throw new InputException(sources[0], 0, $"There is no image in the {(folders[0] ? "folder" : "table")}.", "Give PNG or JPEG files.");
    }
}
