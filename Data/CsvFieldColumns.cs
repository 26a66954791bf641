namespace Lockstep.Data;

/// <summary>A column that is being read.</summary>
/// <param name="Index">Zero-based, within the file.</param>
/// <param name="IsLabel">Its values are predicted: none may be missing.</param>
/// <param name="RefusesMissing">Features may not be missing either.</param>
internal sealed record CsvPlace(int Index, string Name, bool IsLabel, bool RefusesMissing, MissingTexts Missing, CsvFaults Faults)
{
    /// <summary>Whether a field has no value; where it must have one, that is a fault.</summary>
    public bool IsMissing(ReadOnlySpan<char> text, int line)
    {
        if (!Missing.Contains(text))
        {
            return false;
        }

        if (IsLabel)
        {
            Faults.Add(Index, "label", line, text, _ => $"There is no label in column {Name}.", _ => "Remove the row or fill it in; labels are not imputed.");
        }
        else if (RefusesMissing)
        {
            Faults.Add(Index, "missing", line, text, _ => $"There is no value in column {Name}.", _ => "Fill it in, or set 'missing' to mean, median or zero.");
        }

        return true;
    }
}

/// <summary>Reads the fields of one column, and notes what is wrong with them.</summary>
internal interface ICsvColumn
{
    /// <returns>What is stored for the row at hand; NaN where there is no value, or no good one.</returns>
    double Read(CsvRows rows);

    /// <summary>The column as it was read.</summary>
    RowColumn Finish();
}

/// <summary>A column of numbers.</summary>
internal sealed class CsvNumberColumn(CsvPlace place, CsvNumber numbers) : ICsvColumn
{
    private (double Value, int Line) _least = (double.PositiveInfinity, 0);
    private (double Value, int Line) _largest = (double.NegativeInfinity, 0);
    private int _rounded;
    private bool _whole = true;

    public double Read(CsvRows rows)
    {
        ReadOnlySpan<char> text = rows[place.Index];
        if (place.IsMissing(text, rows.Line))
        {
            return double.NaN;
        }

        if (!numbers.TryRead(text, out double value, out bool rounded))
        {
            place.Faults.Add(place.Index, "number", rows.Line, text, shown => $"{shown} in column {place.Name} is no number.", _ => "Correct the value, list the column in 'categories', or leave it out of 'features'.");
            return double.NaN;
        }

        if (!double.IsFinite(value))
        {
            place.Faults.Add(place.Index, "finite", rows.Line, text, shown => $"{shown} in column {place.Name} is not a finite number.", _ => "Correct the value or remove the row.");
            return double.NaN;
        }

        if (value < _least.Value)
        {
            _least = (value, rows.Line);
        }

        if (value > _largest.Value)
        {
            _largest = (value, rows.Line);
        }

        _whole &= value == Math.Floor(value);
        _rounded = _rounded == 0 && rounded ? rows.Line : _rounded;
        return value;
    }

    public RowColumn Finish() => new(place.Name, null, Of(_least), Of(_largest), _whole, _rounded);

    private static Extreme? Of((double Value, int Line) extreme) => extreme.Line > 0 ? new(extreme.Value, extreme.Line) : null;
}

/// <summary>A column of texts, stored as indexes: in the order in which they come, or as the training data have them.</summary>
internal sealed class CsvCategoryColumn : ICsvColumn
{
    /// <summary>More different texts in one column of features are names rather than categories, and would take a column each.</summary>
    private const int MostCategories = 1000;

    /// <summary>More classes than this are rather a number that happens to be whole.</summary>
    public const int MostClasses = 10_000;

    private const int ShownTexts = 10;

    private readonly CsvPlace _place;
    private readonly string[]? _known;
    private readonly Dictionary<string, int> _indexes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    /// <param name="known">Of the training data; null: these are the training data.</param>
    public CsvCategoryColumn(CsvPlace place, string[]? known)
    {
        (_place, _known) = (place, known);
        _lookup = _indexes.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string text in known ?? [])
        {
            _indexes.Add(text, _indexes.Count);
        }
    }

    public double Read(CsvRows rows)
    {
        ReadOnlySpan<char> text = rows[_place.Index];
        if (_place.IsMissing(text, rows.Line))
        {
            return double.NaN;
        }

        if (_lookup.TryGetValue(text, out int index))
        {
            return index;
        }

        if (_known is not null)
        {
            _place.Faults.Add(_place.Index, "category", rows.Line, text, shown => $"{shown} in column {_place.Name} does not occur in the training data ({string.Join(", ", _known.Take(ShownTexts))}{(_known.Length > ShownTexts ? " …" : "")}).", _ => "Correct the value, or add a training row with it.");
            return double.NaN;
        }

        int most = _place.IsLabel ? MostClasses : MostCategories;
        if (_indexes.Count == most)
        {
            _place.Faults.Add(_place.Index, "categories", rows.Line, text, _ => $"Column {_place.Name} has more than {most} different texts.", _ => "Such a column names rows rather than groups them: leave it out of 'features', or out of 'categories' where it holds numbers.");
            return double.NaN;
        }

        _indexes.Add(text.ToString(), _indexes.Count);
        return _indexes.Count - 1;
    }

    public RowColumn Finish() => new(_place.Name, [.. _indexes.OrderBy(i => i.Value).Select(i => i.Key)], null, null, true, 0);
}
