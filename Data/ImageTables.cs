using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>CSV tables with the names of images, taken from the table's folder, and their labels.</summary>
internal static class ImageTables
{
    /// <exception cref="InputException">A table cannot be read, or a name or a label in it cannot be.</exception>
    public static ImageList List(IReadOnlyList<string> tables, DataSpec spec, bool isClasses, bool isLabelled, DataSchema? known)
    {
        if (isLabelled && spec.Labels.Count == 0)
        {
            throw new InputException(tables[0], 0, "'labels' is missing in 'data', and this is no folder of classes' folders but a table.", "Name the column of the labels, or a folder.");
        }

        DataSpec columns = spec with { Features = spec.Features.Count == 0 ? ["0"] : spec.Features, Labels = isLabelled ? spec.Labels : [] };
        if (columns.Features.Count > 1)
        {
            throw new InputException(tables[0], 1, $"'features' names {columns.Features.Count} columns, and a table of images has one of their names.", "Name that one.");
        }

        var faults = new TableFaults();
        var images = new List<ImageEntry>();
        ITableColumn[]? labels = null;
        foreach ((int file, string table) in tables.Index())
        {
            TableColumns places = TableColumns.Locate(table, columns);
            labels ??= [.. places.Labels.Select(index => LabelColumn(new TablePlace(index, places.Header[index], IsLabel: true, spec, new MissingTexts(spec.MissingValues), faults), places, isClasses, known))];
            string folder = Path.GetDirectoryName(Path.GetFullPath(table))!;
            using TableRows rows = TableRows.Open(table, columns, file);
            while (rows.Read(faults))
            {
                double[] values = [.. labels.Zip(places.Labels).Select(pair => pair.First.Read(rows, rows[pair.Second]))];
                if (PathOf(folder, rows[places.Features[0]]) is { } path)
                {
                    images.Add(new ImageEntry(path, values));
                    if (!File.Exists(path))
                    {
                        faults.Add(rows, places.Features[0], "missing", rows[places.Features[0]], shown => $"There is no image {shown}.", "Correct the name, which is taken from the table's folder.");
                    }
                }
                else
                {
                    faults.Add(rows, places.Features[0], "name", rows[places.Features[0]], shown => $"{shown} is no name of an image below the table's folder.", "Write names as they are seen from the table's folder, without '..'.");
                }
            }
        }

        RowColumn[] read = [.. labels!.Select(label => label.Finish())];
        faults.Throw();
        return new(images, read);
    }

    private static ITableColumn LabelColumn(TablePlace place, TableColumns columns, bool isClasses, DataSchema? known)
    {
        string[]? categories = known?.Categories.GetValueOrDefault(place.Name);
        return categories is not null || columns.Categories.Contains(place.Index) ? new CategoryColumn(place, categories)
            : isClasses && columns.Labels.Length == 1 ? new ClassColumn(place, mayBeTexts: known is null)
            : new NumberColumn(place, new NumberText(), mayBeTexts: false);
    }

    /// <returns>Null: the name leads out of the folder, or is none.</returns>
    private static string? PathOf(string folder, ReadOnlySpan<char> name) =>
        name.IsEmpty || name.Contains('\0') || Path.IsPathRooted(name) || name.ToString().Split('/', '\\').Contains("..") ? null : Path.Combine(folder, name.ToString());
}
