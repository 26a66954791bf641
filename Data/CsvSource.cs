using System.Globalization;
using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Reads a CSV file row by row into a row store.</summary>
/// <param name="known">Of the training data: names and categories must be the same.</param>
internal sealed class CsvSource(string path, DataSpec spec, DataSchema? known = null)
{
    /// <summary>Texts that mean: no value.</summary>
    private static readonly string[] MissingTexts = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"];

    private const int ShownTexts = 10;

    public static bool IsMissing(ReadOnlySpan<char> text)
    {
        foreach (string missing in MissingTexts)
        {
            if (text.SequenceEqual(missing))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Writes all rows.</summary>
    /// <exception cref="InputException">The file does not fit what the job says of it.</exception>
    public RowFormat Write(Stream output, CancellationToken cancellation)
    {
        CsvColumns columns = CsvColumns.Find(path, spec, known, cancellation);
        string[] names = [.. columns.Features.SelectMany(c => c.Categories is null ? [c.Name] : c.Categories.Select(v => $"{c.Name}={v}"))];
        bool[] plain = [.. columns.Features.SelectMany(c => c.Categories is null ? [true] : Enumerable.Repeat(false, c.Categories.Length))];
        CheckNames(names);

        var row = new float[names.Length + columns.Labels.Count];
        long count = 0;
        float largest = -1;
        bool whole = true;
        using var rows = new CsvRows(path, spec);
        while (rows.Read())
        {
            cancellation.ThrowIfCancellationRequested();
            int at = 0;
            foreach (CsvColumn column in columns.Features)
            {
                int width = column.Categories?.Length ?? 1;
                ReadFeature(rows, column, row.AsSpan(at, width));
                at += width;
            }

            foreach (CsvColumn column in columns.Labels)
            {
                float label = ReadLabel(rows, column);
                whole &= label >= 0 && label < CsvColumns.MostClasses && label == MathF.Floor(label);
                largest = Math.Max(largest, label);
                row[at++] = label;
            }

            output.Write(MemoryMarshal.AsBytes<float>(row));
            count++;
        }

        if (count == 0)
        {
            throw new InputException(path, 0, "The file has no rows.", "Give a file with data" + (spec.Header ? ", or set 'header: false' if its first line is data." : "."));
        }

        string[] classNames = columns.Labels is [{ Categories: { } texts }] ? texts : [];
        int? classes = classNames.Length > 0 ? classNames.Length : columns.Labels.Count == 1 && whole ? (int)largest + 1 : null;
        var categories = columns.Features.Concat(columns.Labels).Where(c => c.Categories is not null).ToDictionary(c => c.Name, c => c.Categories!);
        return new RowFormat(count, names.Length, columns.Labels.Count, false, classes, classNames, [names.Length], plain, names, categories);
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
        throw new InputException(path, 1, $"The features differ from those of the training data: they {difference}.", "Use files with the same columns, or name the columns in 'features'.");
    }

    private void ReadFeature(CsvRows rows, CsvColumn column, Span<float> values)
    {
        ReadOnlySpan<char> text = rows[column.Index];
        if (IsMissing(text))
        {
            if (spec.Missing == MissingPolicy.Refuse)
            {
                throw new InputException(path, rows.Line, $"There is no value in column {column.Name}.", "Fill it in, or set 'missing' to mean, median or zero.");
            }

            values.Fill(float.NaN);
        }
        else if (column.Categories is { } categories)
        {
            values.Clear();
            values[Category(text, categories, column, rows.Line)] = 1;
        }
        else
        {
            values[0] = Number(text, column, rows.Line);
        }
    }

    private float ReadLabel(CsvRows rows, CsvColumn column)
    {
        ReadOnlySpan<char> text = rows[column.Index];
        if (IsMissing(text))
        {
            throw new InputException(path, rows.Line, $"There is no label in column {column.Name}.", "Remove the row or fill it in; labels are not imputed.");
        }

        return column.Categories is { } categories ? Category(text, categories, column, rows.Line) : Number(text, column, rows.Line);
    }

    private int Category(ReadOnlySpan<char> text, string[] categories, CsvColumn column, int line)
    {
        int index = Array.BinarySearch(categories, text.ToString(), StringComparer.Ordinal);
        return index >= 0
            ? index
            : throw new InputException(path, line, $"'{text}' in column {column.Name} does not occur in the training data ({string.Join(", ", categories.Take(ShownTexts))}{(categories.Length > ShownTexts ? " …" : "")}).", "Correct the value, or add a training row with it.");
    }

    private float Number(ReadOnlySpan<char> text, CsvColumn column, int line)
    {
        if (!float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value))
        {
            throw new InputException(path, line, $"'{text}' in column {column.Name} is no number.", "Correct the value, list the column in 'categories', or leave it out of 'features'.");
        }

        return float.IsFinite(value)
            ? value
            : throw new InputException(path, line, $"'{text}' in column {column.Name} is not a finite number of 32 bits.", "Correct the value or remove the row.");
    }
}
