namespace Lockstep.Data;

/// <summary>Whether a feature gives the one label away: a number that is a straight line's image of it, or categories of which each stands for one label and no other.</summary>
internal sealed class LabelFollower
{
    /// <summary>What rounding leaves of a perfect correlation.</summary>
    private const double Exact = 1 - 1e-10;

    private readonly int[]? _ranks;

    /// <summary>By stored index of the category: the label seen with it; NaN before.</summary>
    private readonly double[]? _labelOf;
    private bool _isMap = true;

    // Sums of what is left when the first row's values are subtracted.
    private (double X, double Y)? _first;
    private long _count;
    private double _x;
    private double _y;
    private double _xx;
    private double _yy;
    private double _xy;

    public LabelFollower(RowColumn column, RowColumn label)
    {
        _ranks = label.Categories is null ? null : label.Ranks();
        if (column.Categories is { } texts)
        {
            _labelOf = new double[texts.Length];
            Array.Fill(_labelOf, double.NaN);
        }
    }

    public void Add(double value, double stored)
    {
        if (double.IsNaN(value))
        {
            // Where it is missing it gives nothing away.
            _isMap = false;
            return;
        }

        double label = _ranks is null ? stored : _ranks[(int)stored];
        if (_labelOf is not null)
        {
            ref double seen = ref _labelOf[(int)value];
            _isMap &= double.IsNaN(seen) || seen == label;
            seen = label;
            return;
        }

        _first ??= (value, label);
        double x = value - _first.Value.X, y = label - _first.Value.Y;
        _count++;
        _x += x;
        _y += y;
        _xx += x * x;
        _yy += y * y;
        _xy += x * y;
    }

    public bool Follows
    {
        get
        {
            if (!_isMap)
            {
                return false;
            }

            if (_labelOf is not null)
            {
                double[] seen = [.. _labelOf.Where(l => !double.IsNaN(l))];
                return seen.Length > 1 && seen.Distinct().Count() == seen.Length;
            }

            double varianceX = (_count * _xx) - (_x * _x), varianceY = (_count * _yy) - (_y * _y), covariance = (_count * _xy) - (_x * _y);
            return varianceX > 0 && varianceY > 0 && covariance * covariance >= Exact * varianceX * varianceY;
        }
    }
}
