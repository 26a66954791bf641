using System.Globalization;
using System.Text.Json;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>What is done to each feature: a missing value is replaced, then (x − Offset) · Factor, all in float64; what comes out is rounded to float32. Stored with the model.</summary>
/// <param name="Kind">Standard: mean and standard deviation (of the population) of the training rows, over all pixels together for images. MinMax: to [0, 1] over the training rows; a pixel by 0 … 255. Flags of categories are left alone; all of a missing category's are 0.</param>
/// <param name="Fill">Value for missing ones, by feature, before normalisation.</param>
/// <param name="Features">By feature: names (<c>column</c>, or <c>column=text</c> for a category); empty for images.</param>
/// <param name="ClassNames">Texts of the classes, by index; empty where they were numbers.</param>
/// <param name="Categories">Texts of each column of categories, in ordinal order, by the column's name.</param>
/// <param name="Classes">Number of classes; null where the labels are no classes.</param>
/// <param name="LabelOffset">By label, where labels are scaled: subtracted first; null: they are not.</param>
/// <param name="LabelFactor">By label: then multiplied by.</param>
/// <param name="ClassCounts">Training rows of each class, by class; those of classes that only later data have are missing; null where the labels are no classes.</param>
public sealed record NormalizationTable(
    NormalizationKind Kind,
    double[] Fill,
    double[] Offset,
    double[] Factor,
    string[] Features,
    string[] ClassNames,
    IReadOnlyDictionary<string, string[]> Categories,
    int? Classes,
    double[]? LabelOffset = null,
    double[]? LabelFactor = null,
    long[]? ClassCounts = null)
{
    /// <summary>JSON, for the model file.</summary>
    public string ToMetadata() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <exception cref="JsonException">The text is no such table.</exception>
    public static NormalizationTable FromMetadata(string json)
    {
        NormalizationTable? table = JsonSerializer.Deserialize<NormalizationTable>(json, JsonSerializerOptions.Web);
        if (table is not { Fill: not null, Offset: not null, Factor: not null, Features: not null, ClassNames: not null, Categories: not null }
            || (table.LabelOffset is null) != (table.LabelFactor is null) || table.LabelOffset?.Length != table.LabelFactor?.Length
            || table.ClassCounts?.Any(count => count < 0) == true
            || table.Fill.Length != table.Offset.Length || table.Factor.Length != table.Offset.Length)
        {
            throw new JsonException("The normalisation lacks 'fill', 'offset', 'factor', 'features', 'classNames' or 'categories', they differ in length, or a count is negative.");
        }

        return table.Fill.Concat(table.Offset).Concat(table.Factor).All(double.IsFinite) ? table : throw new JsonException("The normalisation has a number that is not finite.");
    }

    /// <summary>Names of the columns that the features come of, in order; empty for images.</summary>
    public string[] Columns() => [.. Features.Select(ColumnOf).Distinct()];

    /// <summary>Names of the classes, by index: their texts, or their numbers; none where the labels are no classes.</summary>
    public string[] NamesOfClasses() =>
        ClassNames.Length == (Classes ?? 0) ? ClassNames : [.. Enumerable.Range(0, Classes ?? 0).Select(i => i.ToString(CultureInfo.InvariantCulture))];

    /// <summary>By label: what its numbers were scaled by; empty: they were not.</summary>
    internal LabelScale[] LabelScales() => LabelFactor is { } factors ? [.. factors.Zip(LabelOffset!, (factor, offset) => new LabelScale(1 / factor, offset))] : [];

    /// <summary>Prepares one value.</summary>
    /// <param name="value">As it was read; NaN: missing.</param>
    internal float Prepare(int feature, double value) => (float)(((double.IsNaN(value) ? Fill[feature] : value) - Offset[feature]) * Factor[feature]);

    /// <summary>What a model says of a label, in the label's own unit.</summary>
    public double RestoreLabel(int label, double value) => LabelOffset is { } offset ? (value / LabelFactor![label]) + offset[label] : value;

    /// <summary>Prepares one label that is a number.</summary>
    internal float PrepareLabel(int label, double value) => LabelOffset is { } offset ? (float)((value - offset[label]) * LabelFactor![label]) : (float)value;

    /// <summary>A flag is called by its column and its text, either of which may have a '=' in it.</summary>
    private string ColumnOf(string feature) =>
        Categories.FirstOrDefault(c => feature.StartsWith(c.Key + "=", StringComparison.Ordinal) && c.Value.Contains(feature[(c.Key.Length + 1)..])).Key ?? feature;
}
