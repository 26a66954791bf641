using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Looks at the training rows as a model will see them, and tells what nobody will have meant.</summary>
internal sealed class ColumnSurvey
{
    /// <summary>A fraction of distinct values that continuous measurements lose by chance.</summary>
    private const double Tolerable = 0.01;

    /// <summary>Apart by less than this part of the column's spread, two values are one measurement.</summary>
    private const double Negligible = 1e-6;

    /// <summary>A column with more distinct values than these is resolved finely, whatever it has lost.</summary>
    private const int Fine = 1 << 16;

    private readonly RowFormat _format;
    private readonly NormalizationTable _table;
    private readonly int[] _firstFeature;
    private readonly DistinctSketch?[] _sketches;
    private readonly FeatureMoments _moments;

    private ColumnSurvey(RowFormat format, NormalizationTable table)
    {
        (_format, _table) = (format, table);
        _firstFeature = RowDataSet.FirstFeatures(format);
        bool numbers = format.Classes is null;
        _sketches = [.. format.Columns.Select((c, i) => c.Categories is null && (i < format.Features || numbers) ? new DistinctSketch() : null)];
        _moments = new FeatureMoments(_sketches.Length);
    }

    /// <param name="isTraining">Whether a row belongs to the training data.</param>
    /// <returns>Warnings.</returns>
    public static InputError[] Tell(RowStore rows, NormalizationTable table, DataSpec spec, Func<long, bool> isTraining, CancellationToken cancellation)
    {
        if (rows.Format.Bytes)
        {
            return [];
        }

        var survey = new ColumnSurvey(rows.Format, table);
        rows.Scan(isTraining, survey.Add, cancellation);
        return [.. rows.Format.Columns.SelectMany((column, i) => survey.Rounding(column, i, spec))];
    }

    private void Add(double[] values)
    {
        _moments.Add(values);
        for (int i = 0; i < _sketches.Length; i++)
        {
            if (_sketches[i] is { } sketch && !double.IsNaN(values[i]))
            {
                sketch.Add(values[i], i < _format.Features ? _table.Prepare(_firstFeature[i], values[i]) : (float)values[i]);
            }
        }
    }

    private IEnumerable<InputError> Rounding(RowColumn column, int index, DataSpec spec)
    {
        if (column.Rounded is { } rounded)
        {
            yield return new InputError(DataFiles.OfTraining(spec)[rounded.File], rounded.Line, $"Column {column.Name} has whole numbers beyond 2^53, which lose their last digits.", "List it in 'categories' if it names things, leave it out of 'features', or subtract a constant from it.");
        }

        if (_sketches[index] is not { } sketch || sketch.Lost < Tolerable)
        {
            yield break;
        }

        (double least, double largest) = sketch.Widest();
        if (largest - least > Negligible * _moments.Standard(index).Range || sketch.Kept < Fine)
        {
            yield return new InputError(
                spec.Train,
                0,
                string.Create(CultureInfo.InvariantCulture, $"Column {column.Name} loses distinct values: {least:R} and {largest:R} are one number to the model, which computes in float32."),
                index >= _format.Features ? "Subtract a constant from the labels, such as their mean."
                : spec.Normalize == NormalizationKind.None ? "Set 'normalize: standard', which centres the column first."
                : "Some of its values lie too far from the others: correct them, or give the column's logarithm or rank instead.");
        }
    }
}
