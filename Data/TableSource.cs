using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Reads files of rows and columns into a row store, row by row, and tells all that is wrong with them at once.</summary>
/// <param name="files">Their rows follow each other; the first one's columns are the ones of all.</param>
/// <param name="isClasses">Whether the loss takes classes as labels, and not numbers.</param>
/// <param name="known">Of the training data: names and categories must be the same.</param>
/// <param name="progress">Is told how far each file is read.</param>
internal sealed class TableSource(IReadOnlyList<string> files, DataSpec spec, bool isClasses, DataSchema? known, IProgress<DataProgress>? progress) : IRowSource
{
    /// <summary>Rows that are looked at to guess which columns hold texts; whatever they say, all rows decide.</summary>
    private const int GuessedRows = 1000;

    private const int ShownTexts = 10;

    public void CheckBeginnings()
    {
        TableColumns.Locate(files[0], spec);
        foreach (string file in files.Skip(1))
        {
            TableRows.Open(file, spec).Dispose();
        }
    }

    public string Hash(string cacheDirectory) => SourceHashes.Of(files, cacheDirectory, progress);

    public RowFormat Write(Stream output, CancellationToken cancellation)
    {
        TableColumns columns = TableColumns.Locate(files[0], spec);
        var texts = new HashSet<int>(columns.Categories);
        if (columns.FindsCategories && known is null)
        {
            Pass(columns, texts, Stream.Null, GuessedRows, cancellation);
        }

        while (true)
        {
            int before = texts.Count;
            output.SetLength(0);
            if (Pass(columns, texts, output, long.MaxValue, cancellation) is { } format && texts.Count == before)
            {
                CheckNames(format.FeatureNames());
                return format;
            }
        }
    }

    /// <summary>Reads the rows once.</summary>
    /// <param name="texts">Columns that hold texts, by their place in the first file; what is found to be one is added.</param>
    /// <returns>Null: a column was found to hold texts, so that the rows have to be read again.</returns>
    private RowFormat? Pass(TableColumns columns, HashSet<int> texts, Stream output, long most, CancellationToken cancellation)
    {
        var faults = new TableFaults();
        ITableColumn[] readers = Readers(columns, texts, faults);
        var row = new double[readers.Length];
        long count = 0;
        for (int file = 0; file < files.Count; file++)
        {
            int[] places = PlacesIn(files[file], columns);
            using TableRows rows = TableRows.Open(files[file], spec, file, progress);
            try
            {
                rows.Need(places);
                while (count < most && rows.Read(faults))
                {
                    cancellation.ThrowIfCancellationRequested();
                    for (int i = 0; i < readers.Length; i++)
                    {
                        row[i] = readers[i].Read(rows, rows[places[i]]);
                    }

                    output.Write(MemoryMarshal.AsBytes<double>(row));
                    count++;
                }
            }
            catch (InputException exception)
            {
                // What comes after cannot be read.
                faults.Throw(exception.Errors);
            }
        }

        int[] found = [.. readers.Index().Where(r => r.Item is NumberColumn { IsText: true }).Select(r => Place(columns, r.Index))];
        if (found.Length > 0 || most < long.MaxValue)
        {
            texts.UnionWith(found);
            return null;
        }

        RowColumn[] read = [.. readers.Select(r => r.Finish())];
        faults.Throw();
        if (count == 0)
        {
            throw new InputException(files[0], 0, "The file has no rows.", "Give a file with data" + (spec.Header && spec.Format == DataFormat.Csv ? ", or set 'header: false' if its first line is data." : "."));
        }

        return new RowFormat(count, columns.Features.Length, columns.Labels.Length, RowKind.Numbers, [], RowFormat.ClassesOf(read[columns.Features.Length..]), read);
    }

    private static int Place(TableColumns columns, int reader) => reader < columns.Features.Length ? columns.Features[reader] : columns.Labels[reader - columns.Features.Length];

    private ITableColumn[] Readers(TableColumns columns, HashSet<int> texts, TableFaults faults)
    {
        var missing = new MissingTexts(spec.MissingValues);
        var numbers = new NumberText(spec.Decimal, spec.Thousands);
        return [.. Enumerable.Range(0, columns.Features.Length + columns.Labels.Length).Select<int, ITableColumn>(reader =>
        {
            int index = Place(columns, reader);
            var place = new TablePlace(index, columns.Header[index], reader >= columns.Features.Length, spec, missing, faults);
            string[]? categories = known?.Categories.GetValueOrDefault(place.Name);
            return texts.Contains(index) || categories is not null ? new CategoryColumn(place, categories)
                : place.IsLabel && isClasses && columns.Labels.Length == 1 ? new ClassColumn(place, mayBeTexts: known is null)
                : new NumberColumn(place, numbers, columns.FindsCategories && known is null && !place.IsLabel);
        })];
    }

    /// <summary>Where another file has the columns, by reader.</summary>
    private int[] PlacesIn(string file, TableColumns first)
    {
        int[] places = [.. Enumerable.Range(0, first.Features.Length + first.Labels.Length).Select(reader => Place(first, reader))];
        if (file == files[0])
        {
            return places;
        }

        string[] header;
        using (TableRows rows = TableRows.Open(file, spec))
        {
            header = rows.Names;
        }

        if (header.SequenceEqual(first.Header))
        {
            return places;
        }

        string[] lacking = [.. places.Select(p => first.Header[p]).Except(header).Take(ShownTexts)];
        return lacking.Length == 0 && spec.Header
            ? [.. places.Select(p => Array.IndexOf(header, first.Header[p]))]
            : throw new InputException(file, 1, lacking.Length > 0 && spec.Header ? $"The file lacks the columns {string.Join(", ", lacking)}, which {files[0]} has." : $"The first line has {Amount.Of(header.Length, "field")}, that of {files[0]} {first.Header.Length}.", "Use files with the same columns.");
    }

    private void CheckNames(string[] names)
    {
        if (known is null || known.Features.SequenceEqual(names))
        {
            return;
        }

        string[] lacking = [.. known.Features.Except(names).Take(ShownTexts)];
        string[] added = [.. names.Except(known.Features).Take(ShownTexts)];
        string difference = (lacking, added) switch
        {
            ({ Length: > 0 }, { Length: > 0 }) => $"lack {string.Join(", ", lacking)} and have {string.Join(", ", added)} instead",
            ({ Length: > 0 }, _) => $"lack {string.Join(", ", lacking)}",
            (_, { Length: > 0 }) => $"have {string.Join(", ", added)} as well",
            _ => "are in another order",
        };
        throw new InputException(files[0], 1, $"The features differ from those of the training data: they {difference}.", "Use files with the same columns, or name the columns in 'features'.");
    }
}
