using System.Globalization;
using System.Text.Json.Serialization;

namespace Lockstep.Data;

/// <summary>How a data file was read into a row store.</summary>
/// <param name="Features">Values of one row's features: one a pixel or a column.</param>
/// <param name="Labels">Values of one row's labels.</param>
/// <param name="Kind">How features are stored.</param>
/// <param name="Shape">Of one sample; empty where it follows from the columns.</param>
/// <param name="Classes">Classes of the one label column, or different tokens; null where labels are numbers.</param>
/// <param name="Columns">Of the features, then of the labels; images have none of features, and idx none at all.</param>
internal sealed record RowFormat(long Rows, int Features, int Labels, RowKind Kind, int[] Shape, int? Classes, RowColumn[] Columns)
{
    /// <summary>Whether rows are images.</summary>
    [JsonIgnore]
    public bool Bytes => Kind == RowKind.Bytes;

    [JsonIgnore]
    public IEnumerable<RowColumn> FeatureColumns => Columns.Take(Math.Max(0, Columns.Length - Labels));

    /// <summary>The column of a label; null: it has none, and its values are the labels themselves.</summary>
    public RowColumn? LabelColumn(int label) => Columns.Length == 0 ? null : Columns[Columns.Length - Labels + label];

    /// <summary>Names by feature, as a model sees them: <c>column</c>, or <c>column=text</c> for a category.</summary>
    public string[] FeatureNames() => [.. FeatureColumns.SelectMany(c => c.Categories is null ? [c.Name] : c.Ordered().Select(text => $"{c.Name}={text}"))];

    /// <summary>The number of classes of labels' columns; null where they are numbers, or several.</summary>
    public static int? ClassesOf(RowColumn[] labels) => labels is [{ Categories: { } texts } label] ? label.Numbered ? label.Ranks().Max() + 1 : texts.Length : null;

    /// <summary>Texts of the classes or tokens, by index; empty where they are numbers.</summary>
    public string[] ClassNames() => (Labels == 1 || Kind == RowKind.Tokens) && Columns is [.., { Categories: not null, Numbered: false } label] ? label.Ordered() : [];

    /// <summary>Texts of each column of categories, in ordinal order, by the column's name.</summary>
    public Dictionary<string, string[]> Categories() => Columns.Where(c => c is { Categories: not null, Numbered: false }).ToDictionary(c => c.Name, c => c.Ordered(), StringComparer.Ordinal);
}

/// <summary>One column of a table as it is stored: numbers, or the indexes of texts. A value that is missing is NaN.</summary>
/// <param name="Categories">Its texts by stored index, in the order in which the file has them; null: it holds numbers.</param>
/// <param name="Least">Of the numbers; null where there are none.</param>
/// <param name="Largest">Of the numbers; null where there are none.</param>
/// <param name="Numbered">Of categories: they are classes that are numbers.</param>
/// <param name="Rounded">The first whole number that float64 cannot hold; null: there is none.</param>
internal sealed record RowColumn(string Name, string[]? Categories, Extreme? Least, Extreme? Largest, bool Numbered, Extreme? Rounded)
{
    /// <summary>The texts in the order that does not depend on the order of rows.</summary>
    public string[] Ordered() => [.. Categories!.Order(StringComparer.Ordinal)];

    /// <summary>By stored index: the place of the text among those in order.</summary>
    public int[] Ranks()
    {
        if (Numbered)
        {
            return [.. Categories!.Select(text => (int)double.Parse(text, CultureInfo.InvariantCulture))];
        }

        string[] ordered = Ordered();
        return [.. Categories!.Select(text => Array.BinarySearch(ordered, text, StringComparer.Ordinal))];
    }
}

/// <summary>A number that stands out in a column.</summary>
/// <param name="File">Zero-based, among the data set's files.</param>
/// <param name="Line">One-based.</param>
internal sealed record Extreme(double Value, int File, int Line);
