using System.Globalization;
using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Sylvan.Data.Csv;

namespace Lockstep.Training;

/// <summary>Reads a CSV file row by row into a row store.</summary>
internal sealed class CsvSource
{
    /// <summary>Texts that mean: no value.</summary>
    private static readonly string[] MissingTexts = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"];

    /// <summary>More classes than this are rather a number that happens to be whole.</summary>
    private const int MostClasses = 10_000;

    private readonly string _path;
    private readonly DataSpec _spec;
    private readonly RowFormat? _like;

    /// <param name="like">Of the training data: names and categories must be the same.</param>
    public CsvSource(string path, DataSpec spec, RowFormat? like = null)
    {
        _path = path;
        _spec = spec;
        _like = like;
    }

    private sealed record Column(int Index, string Name, string[]? Categories);

    /// <summary>Writes all rows.</summary>
    /// <exception cref="InputException">The file does not fit what the job says of it.</exception>
    public RowFormat Write(Stream output)
    {
        try
        {
            (List<Column> features, List<Column> labels) = Columns();
            return WriteRows(output, features, labels);
        }
        catch (Exception exception) when (SourceFile.Explain(_path, exception) is { } input)
        {
            throw new InputException(input.Errors);
        }
        catch (CsvFormatException exception)
        {
            throw new InputException(_path, Math.Max(0, exception.RowNumber + (_spec.Header ? 1 : 0)), $"The row cannot be read as CSV: {exception.Message}", "Correct the quotes and delimiters of that row.");
        }
    }

    private RowFormat WriteRows(Stream output, List<Column> features, List<Column> labels)
    {
        string[] names = [.. features.SelectMany(c => c.Categories is null ? [c.Name] : c.Categories.Select(v => $"{c.Name}={v}"))];
        bool[] plain = [.. features.SelectMany(c => c.Categories is null ? [true] : Enumerable.Repeat(false, c.Categories.Length))];
        if (_like is not null && !_like.Names.SequenceEqual(names))
        {
            throw new InputException(_path, 1, $"The validation data have other features ({string.Join(", ", names.Take(8))} …) than the training data ({string.Join(", ", _like.Names.Take(8))} …).", "Use files with the same columns and categories.");
        }

        var row = new float[names.Length + labels.Count];
        var missing = new SortedSet<int>();
        long rows = 0;
        float largest = -1;
        bool whole = true;
        using CsvDataReader reader = Open();
        int width = reader.FieldCount;
        while (reader.Read())
        {
            int line = Line(reader);
            if (reader.RowFieldCount != width)
            {
                throw new InputException(_path, line, $"The row has {reader.RowFieldCount} fields, the first one {width}.", "Every row needs the same columns; check the delimiter and quotes.");
            }

            int at = 0;
            foreach (Column column in features)
            {
                at = ReadFeature(reader, column, line, row, at, missing);
            }

            foreach (Column column in labels)
            {
                float label = ReadLabel(reader, column, line);
                whole &= label >= 0 && label < MostClasses && label == MathF.Floor(label);
                largest = Math.Max(largest, label);
                row[at++] = label;
            }

            output.Write(MemoryMarshal.AsBytes<float>(row));
            rows++;
        }

        if (rows == 0)
        {
            throw new InputException(_path, 0, "The file has no rows.", "Give a file with data" + (_spec.Header ? ", or set 'header: false' if its first line is data." : "."));
        }

        string[] classNames = labels is [{ Categories: { } texts }] ? texts : [];
        int? classes = classNames.Length > 0 ? classNames.Length : labels.Count == 1 && whole ? (int)largest + 1 : null;
        if (_like?.Classes is { } known && classes is { } seen && seen > known)
        {
            throw new InputException(_path, 0, $"The validation data have the class {seen - 1}, which the training data lack.", "Use training data with every class.");
        }

        return new RowFormat(rows, names.Length, labels.Count, false, classes, classNames, [names.Length], plain, names, [.. missing]);
    }

    private int ReadFeature(CsvDataReader reader, Column column, int line, float[] row, int at, SortedSet<int> missing)
    {
        ReadOnlySpan<char> text = reader.GetFieldSpan(column.Index).Trim();
        if (column.Categories is { } categories)
        {
            int index = Array.BinarySearch(categories, text.ToString(), StringComparer.Ordinal);
            if (index < 0)
            {
                throw new InputException(_path, line, $"'{text}' in column {column.Name} is no category of the training data ({string.Join(", ", categories.Take(10))}).", "Correct the value, or add a training row with it.");
            }

            for (int i = 0; i < categories.Length; i++)
            {
                row[at++] = i == index ? 1 : 0;
            }

            return at;
        }

        if (IsMissing(text))
        {
            if (_spec.Missing == MissingPolicy.Refuse)
            {
                throw new InputException(_path, line, $"There is no value in column {column.Name}.", "Fill it in, or set 'missing' to mean, median or zero.");
            }

            missing.Add(at);
            row[at] = float.NaN;
            return at + 1;
        }

        row[at] = Number(text, column, line);
        return at + 1;
    }

    private float ReadLabel(CsvDataReader reader, Column column, int line)
    {
        ReadOnlySpan<char> text = reader.GetFieldSpan(column.Index).Trim();
        if (IsMissing(text))
        {
            throw new InputException(_path, line, $"There is no label in column {column.Name}.", "Remove the row or fill it in; labels are not imputed.");
        }

        if (column.Categories is not { } categories)
        {
            return Number(text, column, line);
        }

        int index = Array.BinarySearch(categories, text.ToString(), StringComparer.Ordinal);
        return index >= 0 ? index : throw new InputException(_path, line, $"'{text}' in column {column.Name} is no class of the training data ({string.Join(", ", categories.Take(10))}).", "Correct the value, or add a training row with it.");
    }

    private float Number(ReadOnlySpan<char> text, Column column, int line) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && float.IsFinite(value)
            ? value
            : throw new InputException(_path, line, $"'{text}' in column {column.Name} is no number.", "Correct the value, list the column in 'categories', or leave it out of 'features'.");

    private static bool IsMissing(ReadOnlySpan<char> text)
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

    private (List<Column> Features, List<Column> Labels) Columns()
    {
        string[] header;
        using (CsvDataReader reader = Open())
        {
            header = [.. Enumerable.Range(0, reader.FieldCount).Select(i => _spec.Header ? reader.GetName(i).Trim() : i.ToString(CultureInfo.InvariantCulture))];
        }

        var errors = new List<InputError>();
        int[] labels = [.. _spec.Labels.Select(name => Find(header, name, "labels", errors))];
        int[] features = _spec.Features.Count > 0
            ? [.. _spec.Features.Select(name => Find(header, name, "features", errors))]
            : [.. Enumerable.Range(0, header.Length).Except(labels)];
        int[] categories = [.. _spec.Categories.Select(name => Find(header, name, "categories", errors))];
        if (features.Intersect(labels).FirstOrDefault(-1) is >= 0 and int both)
        {
            errors.Add(new InputError(_path, 1, $"Column {header[both]} is a feature and a label.", "List it in one of the two."));
        }

        if (features.Length == 0)
        {
            errors.Add(new InputError(_path, 1, "No column is left as a feature.", "Check 'labels', and the delimiter."));
        }

        if (errors.Count > 0)
        {
            throw new InputException(errors);
        }

        Dictionary<int, string[]> values = CollectCategories(categories);
        Column Make(int index) => new(index, header[index], values.GetValueOrDefault(index));
        return ([.. features.Select(Make)], [.. labels.Select(Make)]);
    }

    private int Find(string[] header, string name, string key, List<InputError> errors)
    {
        int index = Array.IndexOf(header, name);
        if (index < 0 && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < header.Length)
        {
            index = number;
        }

        if (index < 0)
        {
            errors.Add(new InputError(_path, 1, $"There is no column '{name}', which 'data.{key}' names.", $"The columns are {string.Join(", ", header.Take(20))}{(header.Length > 20 ? " …" : "")}."));
        }

        return index;
    }

    /// <summary>The texts of each column of categories, in ordinal order, so that they don't depend on the order of rows. Those of validation data are the training data's.</summary>
    private Dictionary<int, string[]> CollectCategories(int[] columns)
    {
        var found = columns.Distinct().ToDictionary(c => c, _ => new SortedSet<string>(StringComparer.Ordinal));
        if (found.Count == 0)
        {
            return [];
        }

        using CsvDataReader reader = Open();
        while (reader.Read())
        {
            foreach ((int column, SortedSet<string> texts) in found)
            {
                if (column < reader.RowFieldCount)
                {
                    texts.Add(reader.GetString(column).Trim());
                }
            }
        }

        return found.ToDictionary(f => f.Key, f => f.Value.ToArray());
    }

    private CsvDataReader Open() => CsvDataReader.Create(new StreamReader(SourceFile.Open(_path)), new CsvDataReaderOptions
    {
        HasHeaders = _spec.Header,
        Delimiter = _spec.Delimiter,
        ResultSetMode = ResultSetMode.SingleResult,
        BufferSize = 1 << 16,
        OwnsReader = true,
    });

    private int Line(CsvDataReader reader) => (int)Math.Min(int.MaxValue, reader.RowNumber + (_spec.Header ? 1L : 0L));
}
