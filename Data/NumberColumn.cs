using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>A column of numbers.</summary>
/// <param name="mayBeTexts">A text is no fault: it makes the column one of categories.</param>
internal sealed class NumberColumn(TablePlace place, NumberText numbers, bool mayBeTexts) : ITableColumn
{
    private static readonly NumberText[] Others = [new(',', '.'), new('.', ','), new(',', ' '), new('.', '\'')];

    private (double Value, int File, int Line) _least = (double.PositiveInfinity, 0, 0);
    private (double Value, int File, int Line) _largest = (double.NegativeInfinity, 0, 0);
    private Extreme? _rounded;

    /// <value>A text that is no number has come.</value>
    public bool IsText { get; private set; }

    public double Read(TableRows rows, ReadOnlySpan<char> text)
    {
        if (place.Missing.Contains(text))
        {
            place.NoteMissing(rows, text, place.Spec.Missing != MissingPolicy.Refuse, "Fill it in, or set 'missing' to mean, median or zero.");
            return double.NaN;
        }

        if (!numbers.TryRead(text, out double value, out bool rounded))
        {
            if (mayBeTexts)
            {
                IsText = true;
            }
            else
            {
                place.Fault(rows, "number", text, shown => $"{shown} in column {place.Name} is no number.", Remedy(rows, text));
            }

            return double.NaN;
        }

        if (!double.IsFinite(value))
        {
            place.Fault(rows, "finite", text, shown => $"{shown} in column {place.Name} is not a finite number.", "Correct the value or remove the row.");
            return double.NaN;
        }

        if (value < _least.Value)
        {
            _least = (value, rows.File, rows.Line);
        }

        if (value > _largest.Value)
        {
            _largest = (value, rows.File, rows.Line);
        }

        if (rounded)
        {
            _rounded ??= new Extreme(value, rows.File, rows.Line);
        }

        return value;
    }

    public RowColumn Finish() => new(place.Name, null, Of(_least), Of(_largest), false, _rounded);

    private static Extreme? Of((double Value, int File, int Line) extreme) => extreme.Line > 0 ? new(extreme.Value, extreme.File, extreme.Line) : null;

    private string Remedy(TableRows rows, ReadOnlySpan<char> text)
    {
        if (!place.Spec.Header && rows.Line == 1 && rows.File == 0)
        {
            return "If the first line has the columns' names, set 'header: true'; else correct the value, or list the column in 'categories'.";
        }

        if (place.Spec.Format == DataFormat.Csv && text.ContainsAny(",. '"))
        {
            foreach (NumberText other in Others)
            {
                if (other.TryRead(text, out _, out _))
                {
                    return $"If it is one, say how it is written: 'decimal' is '{place.Spec.Decimal}'{(place.Spec.Thousands is { } group ? $" and 'thousands' '{group}'" : " and 'thousands' is not set")}; {other.Keys(text)} would read it.";
                }
            }
        }

        return place.IsLabel
            ? "Correct the value; where labels are classes, take the loss cross-entropy, or binary-cross-entropy for two."
            : "Correct the value, list the column in 'categories' (or set 'categories: auto'), leave it out by 'exclude', or add the text to 'missingValues' if it means that there is no value.";
    }
}
