using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Reads a CSV file row by row into a row store, and tells all that is wrong with it at once.</summary>
/// <param name="known">Of the training data: names and categories must be the same.</param>
internal sealed class CsvSource(string path, DataSpec spec, DataSchema? known = null)
{
    /// <summary>Texts that mean: no value.</summary>
    private static readonly string[] UsualMissing = ["?", "NA", "N/A", "NaN", "nan", "null", "NULL"];

    private const int ShownTexts = 10;

    /// <summary>Writes all rows.</summary>
    /// <exception cref="InputException">The file does not fit what the job says of it.</exception>
    public RowFormat Write(Stream output, CancellationToken cancellation)
    {
        CsvColumns columns = CsvColumns.Locate(path, spec);
        var faults = new CsvFaults(path);
        ICsvColumn[] readers = Readers(columns, faults);
        var row = new double[readers.Length];
        long count = 0;
        using var rows = new CsvRows(path, spec);
        try
        {
            while (rows.Read(faults))
            {
                cancellation.ThrowIfCancellationRequested();
                for (int i = 0; i < readers.Length; i++)
                {
                    row[i] = readers[i].Read(rows);
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

        faults.Throw();
        if (count == 0)
        {
            throw new InputException(path, 0, "The file has no rows.", "Give a file with data" + (spec.Header ? ", or set 'header: false' if its first line is data." : "."));
        }

        RowColumn[] read = [.. readers.Select(r => r.Finish())];
        var format = new RowFormat(count, columns.Features.Length, columns.Labels.Length, false, [], Classes(read[columns.Features.Length..]), read);
        CheckNames(format.FeatureNames());
        return format;
    }

    private ICsvColumn[] Readers(CsvColumns columns, CsvFaults faults)
    {
        HashSet<int> categories = [.. columns.Categories], labels = [.. columns.Labels];
        var missing = new MissingTexts(UsualMissing);
        var numbers = new CsvNumber();
        return [.. columns.Features.Concat(columns.Labels).Select<int, ICsvColumn>(index =>
        {
            var place = new CsvPlace(index, columns.Header[index], labels.Contains(index), spec.Missing == MissingPolicy.Refuse, missing, faults);
            return categories.Contains(index) ? new CsvCategoryColumn(place, known?.Categories.GetValueOrDefault(place.Name)) : new CsvNumberColumn(place, numbers);
        })];
    }

    private static int? Classes(RowColumn[] labels) => labels switch
    {
        [{ Categories: { } texts }] => texts.Length,
        [{ Whole: true, Least.Value: >= 0, Largest: { Value: < CsvCategoryColumn.MostClasses } largest }] => (int)largest.Value + 1,
        _ => null,
    };

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
        throw new InputException(path, 1, $"The features differ from those of the training data: they {difference}.", "Use files with the same columns, or name the columns in 'features'.");
    }
}
