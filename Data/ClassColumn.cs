using System.Globalization;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>The one column of labels for a loss over classes: whole numbers from 0 on are the classes themselves, and where a text is no number, the texts are.</summary>
/// <param name="mayBeTexts">These are the training data, which decide.</param>
internal sealed class ClassColumn(TablePlace place, bool mayBeTexts) : ITableColumn
{
    /// <summary>More classes than this are rather a number that happens to be whole.</summary>
    public const int MostClasses = 10_000;

    private readonly TextIndexes _indexes = new();
    private readonly NumberText _numbers = new();
    private bool _texts;
    private InputError? _noClass;

    public double Read(TableRows rows, ReadOnlySpan<char> text)
    {
        if (_indexes.TryFind(text, out int index))
        {
            return index;
        }

        if (place.Missing.Contains(text))
        {
            place.NoteMissing(rows, text, mayBe: false, "");
            return double.NaN;
        }

        if (_indexes.Count == MostClasses)
        {
            place.Fault(rows, "classes", text, _ => $"Column {place.Name} has more than {MostClasses} different values, too many to be classes.", "Where labels are numbers, take the loss mse or mae.");
            return double.NaN;
        }

        if (!_numbers.TryRead(text, out double value, out _))
        {
            _texts = true;
            if (!mayBeTexts)
            {
                place.Fault(rows, "class", text, shown => $"{shown} in column {place.Name} is no class: in the training data they are numbers.", "Correct the value.");
            }
        }
        else if (value is < 0 or >= MostClasses || value != Math.Floor(value))
        {
            // Where a text comes, all values are texts: that is known at the end.
            string kind = value < 0 ? "negative" : value != Math.Floor(value) ? "no whole number" : $"{MostClasses} or more";
            string other = value != Math.Floor(value) ? "; or take the loss mse or mae, if it is a number to be predicted" : "";
            _noClass ??= new InputError(rows.Path, rows.Line, $"{TableFaults.Show(text)} in column {place.Name} is {kind}, and classes are 0, 1, 2 ….", $"List the column in 'categories', so that each of its values is a class of its own{other}.");
        }

        return _indexes.Add(text.ToString());
    }

    public RowColumn Finish()
    {
        string[] texts = _indexes.Texts();
        if (!_texts && _noClass is not null)
        {
            place.Faults.Add(_noClass);
        }
        else if (!_texts && mayBeTexts && texts.Length > 0 && !texts.Any(t => double.Parse(t, CultureInfo.InvariantCulture) == 0))
        {
            double[] classes = [.. texts.Select(t => double.Parse(t, CultureInfo.InvariantCulture)).Order()];
            place.Faults.Add(new InputError(place.Spec.Train, 0, $"The classes in column {place.Name} are {string.Join(", ", classes.Take(5))}{(classes.Length > 5 ? " …" : "")}, and none is 0.", "List the column in 'categories', so that its values are the classes, whatever they are."));
        }

        return new RowColumn(place.Name, texts, null, null, !_texts, null);
    }
}
