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

    /// <summary>Fewer rows are all different by chance.</summary>
    private const int FewRows = 100;

    /// <summary>Fewer rows give a label away by chance.</summary>
    private const int FewFollowers = 10;

    private const int MostTold = 20;

    /// <summary>Losses of labels that spread more than this are too large for usual learning rates.</summary>
    private const double WideLabels = 1000;

    private readonly RowFormat _format;
    private readonly NormalizationTable _table;
    private readonly DataSpec _spec;
    private readonly int[] _firstFeature;
    private readonly DistinctSketch?[] _sketches;
    private readonly FeatureMoments _moments;
    private readonly LabelFollower[] _followers;
    private readonly bool[] _broken;
    private long _rows;

    private ColumnSurvey(RowFormat format, NormalizationTable table, DataSpec spec)
    {
        (_format, _table, _spec) = (format, table, spec);
        _firstFeature = RowDataSet.FirstFeatures(format);
        _sketches = [.. format.Columns.Select(c => c.Categories is null ? new DistinctSketch() : null)];
        _moments = new FeatureMoments(_sketches.Length);
        _followers = format.Labels == 1 ? [.. format.FeatureColumns.Select(c => new LabelFollower(c, format.Columns[^1]))] : [];
        _broken = new bool[format.Columns.Length];
    }

    /// <param name="validation">Null: other rows are held out, or none are.</param>
    /// <param name="classes">Counts them meanwhile.</param>
    /// <param name="isTraining">Whether a row belongs to the training data.</param>
    /// <returns>Warnings.</returns>
    public static InputError[] Tell(RowStore rows, RowStore? validation, NormalizationTable table, DataSpec spec, ClassSurvey classes, Func<long, bool> isTraining, CancellationToken cancellation)
    {
        if (rows.Format.Kind == RowKind.Tokens)
        {
            return [];
        }

        if (rows.Format.Bytes)
        {
            rows.Scan(isTraining, values => classes.AddTraining(values), cancellation);
            validation?.Scan(_ => true, values => classes.AddValidation(values, validation.Format), cancellation);
            return [.. classes.Tell()];
        }

        var survey = new ColumnSurvey(rows.Format, table, spec);
        rows.Scan(
            isTraining,
            values =>
            {
                survey.Add(values);
                classes.AddTraining(values);
            },
            cancellation);
        if (spec.Split is not null)
        {
            rows.Scan(row => !isTraining(row), values => classes.AddValidation(values, rows.Format), cancellation);
        }

        validation?.Scan(_ => true, values => classes.AddValidation(values, validation.Format), cancellation);
        return
        [
            .. survey.Together((column, i) => survey.IsConstant(column, i), "the same value in every training row", "that tells nothing", "Leave it out by 'exclude'."),
            .. survey.Together((column, i) => !survey.IsConstant(column, i) && survey.IsRowNumber(column, i), "another value in every row", "nothing that is learnt from a row's number or name holds for other rows", "Leave it out by 'exclude'."),
            .. survey.Together((_, i) => i < survey._followers.Length && survey._rows >= FewFollowers && survey._followers[i].Follows, "a value of its own for each label", "that gives the label away", "Leave it out by 'exclude', unless it is known before the label is."),
            .. rows.Format.Columns.SelectMany((column, i) => survey.Of(column, i)).Take(MostTold),
            .. classes.Tell(),
        ];
    }

    private void Add(double[] values)
    {
        _rows++;
        _moments.Add(values);
        for (int i = 0; i < _sketches.Length; i++)
        {
            if (_sketches[i] is { } sketch && !double.IsNaN(values[i]))
            {
                sketch.Add(values[i], i < _format.Features ? _table.Prepare(_firstFeature[i], values[i]) : _table.PrepareLabel(i - _format.Features, values[i]));
                _broken[i] |= values[i] != Math.Floor(values[i]);
            }
        }

        for (int i = 0; i < _followers.Length; i++)
        {
            _followers[i].Add(values[i], values[^1]);
        }
    }

    private IEnumerable<InputError> Of(RowColumn column, int index)
    {
        if (column.Rounded is { } rounded)
        {
            yield return new InputError(DataPart.OfTraining(_spec).Files[rounded.File], rounded.Line, $"Column {column.Name} has whole numbers beyond 2^53, which lose their last digits.", "List it in 'categories' if it names things, leave it out by 'exclude', or subtract a constant from it.");
        }

        if (index >= _format.Features)
        {
            if (column.Categories is null && _table.LabelOffset is null && _moments.Standard(index) is var (_, spread) && spread > WideLabels)
            {
                yield return Warning(string.Create(CultureInfo.InvariantCulture, $"The labels in column {column.Name} spread by {spread:G3}: losses and gradients of such a size need a learning rate of their own."), "Set 'normalizeLabels: standard'; metrics stay in the labels' own unit.");
            }
        }

        if (_sketches[index] is { } sketch && sketch.Lost >= Tolerable)
        {
            (double least, double largest) = sketch.Widest();
            if (largest - least > Negligible * _moments.Standard(index).Range || sketch.Kept < Fine)
            {
                yield return Warning(
                    string.Create(CultureInfo.InvariantCulture, $"Column {column.Name} loses distinct values: {least:R} and {largest:R} are one number to the model, which computes in float32."),
                    index >= _format.Features ? "Set 'normalizeLabels: standard', which centres the labels first."
                    : _spec.Normalize == NormalizationKind.None ? "Set 'normalize: standard', which centres the column first."
                    : "Some of its values lie too far from the others: correct them, or give the column's logarithm or rank instead.");
            }
        }
    }

    /// <summary>One warning for all features of a kind.</summary>
    private IEnumerable<InputError> Together(Func<RowColumn, int, bool> which, string what, string why, string remedy)
    {
        string[] names = [.. _format.FeatureColumns.Where((column, i) => which(column, i)).Select(column => column.Name)];
        if (names.Length > 0)
        {
            string all = string.Join(", ", names.Take(MostTold)) + (names.Length > MostTold ? " …" : "");
            yield return Warning(names.Length == 1 ? $"Column {all} has {what}: {why}." : $"{names.Length} columns have {what}: {why}. They are {all}.", remedy);
        }
    }

    private bool IsConstant(RowColumn column, int index) => column.Categories is { Length: 1 } || (column.Categories is null && _moments.MinMax(index).Range == 0);

    private bool IsRowNumber(RowColumn column, int index) => _moments.Count(index) >= FewRows && (column.Categories is { } texts
        ? texts.Length > 0.9 * _moments.Count(index)
        : !_broken[index] && _sketches[index]!.Kept > 0.8 * _moments.Count(index) && _moments.MinMax(index).Range < 2 * _moments.Count(index));

    private InputError Warning(string message, string remedy) => new(_spec.Train, 0, message, remedy);
}
