using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>A column of texts, stored as indexes: in the order in which they come, or as the training data have them.</summary>
internal sealed class CategoryColumn : ITableColumn
{
    /// <summary>More different texts in one column of features are names rather than categories, and would take a column each.</summary>
    private const int MostCategories = 1000;

    private const int ShownTexts = 10;

    private readonly TablePlace _place;
    private readonly string[]? _known;
    private readonly TextIndexes _indexes = new();

    /// <param name="known">Of the training data; null: these are the training data.</param>
    public CategoryColumn(TablePlace place, string[]? known)
    {
        (_place, _known) = (place, known);
        foreach (string text in known ?? [])
        {
            _indexes.Add(text);
        }
    }

    public double Read(TableRows rows, ReadOnlySpan<char> text)
    {
        bool missing = _place.Missing.Contains(text);
        if (missing)
        {
            // The empty text stands for all that mean no value.
            text = "";
            if (_place.IsLabel || _place.Spec.MissingCategory != MissingCategoryPolicy.Own)
            {
                bool mayBe = _place.Spec.MissingCategory is not null || _place.Spec.Missing != MissingPolicy.Refuse;
                _place.NoteMissing(rows, text, mayBe, "Fill it in, or set 'missingCategory' to own or zero.");
                return double.NaN;
            }
        }

        if (_indexes.TryFind(text, out int index))
        {
            return index;
        }

        if (_known is not null)
        {
            if (_place.IsLabel || _place.Spec.Unknown == UnknownPolicy.Refuse)
            {
                string known = $"{string.Join(", ", _known.Take(ShownTexts))}{(_known.Length > ShownTexts ? " …" : "")}";
                _place.Fault(rows, "category", text, shown => $"{(missing ? "A missing value" : shown)} in column {_place.Name} does not occur in the training data ({known}).", "Correct the value, or add a training row with it" + (_place.IsLabel ? "." : ", or set 'unknown: ignore'."));
            }

            return double.NaN;
        }

        int most = _place.IsLabel ? ClassColumn.MostClasses : MostCategories;
        if (_indexes.Count == most)
        {
            _place.Fault(rows, "categories", text, _ => $"Column {_place.Name} has more than {most} different texts.", "Such a column names rows rather than groups them: leave it out by 'exclude', or out of 'categories' where it holds numbers.");
            return double.NaN;
        }

        return _indexes.Add(text.ToString());
    }

    public RowColumn Finish() => new(_place.Name, _indexes.Texts(), null, null, false, null);
}
