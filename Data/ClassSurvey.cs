using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>Counts the classes of training and validation data, and tells where they are too few or too unequal.</summary>
internal sealed class ClassSurvey(RowFormat training, DataSpec spec)
{
    /// <summary>Who always says the most frequent class is right this often, and an accuracy says little.</summary>
    private const double MostUnequal = 0.95;

    private readonly bool _isClasses = training.Classes is not null && training.Labels == 1;
    private readonly int[]? _ranks = RanksOf(training);
    private readonly long[] _counts = new long[training.Classes ?? 0];
    private readonly HashSet<int> _validation = [];
    private int[]? _validationRanks;

    public void AddTraining(double[] values)
    {
        if (_isClasses)
        {
            _counts[ClassOf(values, _ranks)]++;
        }
    }

    public void AddValidation(double[] values, RowFormat format)
    {
        if (_isClasses)
        {
            _validationRanks ??= RanksOf(format);
            _validation.Add(ClassOf(values, _validationRanks));
        }
    }

    /// <summary>Training rows by class; null where the labels are no classes.</summary>
    public long[]? Counts() => _isClasses ? _counts : null;

    public IEnumerable<InputError> Tell()
    {
        if (!_isClasses)
        {
            yield break;
        }

        long count = _counts.Max();
        int most = Array.IndexOf(_counts, count);
        double share = count / (double)_counts.Sum();
        if (share == 1)
        {
            yield return new InputError(spec.Train, 0, $"All training rows are of one class, {Name(most)}: there is nothing to tell apart.", "Give rows of other classes as well.");
            yield break;
        }

        if (share > MostUnequal)
        {
            yield return new InputError(spec.Train, 0, string.Create(CultureInfo.InvariantCulture, $"The classes are very unequal: {share * 100:F1}% of the training rows are of class {Name(most)}, so that an accuracy of {share:F3} is had by always saying so."), "Set 'classWeights: balanced', give more rows of the others or fewer of it, and measure f1 or auc.");
        }

        if (_validation.Count == 1)
        {
            yield return new InputError(DataPart.OfValidation(spec).Files is [{ } file, ..] ? file : spec.Train, 0, $"All validation rows are of one class, {Name(_validation.First())}: auc cannot be had, and an accuracy says nothing of the others.", spec.Split is null ? "Give validation rows of other classes as well." : "Raise 'split', or choose another 'seed'.");
        }
    }

    private string Name(int index) => training.ClassNames() is { Length: > 0 } names ? names[index] : index.ToString(CultureInfo.InvariantCulture);

    private static int[]? RanksOf(RowFormat format) => format.Columns is [.., { Categories: not null } label] ? label.Ranks() : null;

    private static int ClassOf(double[] values, int[]? ranks) => ranks is null ? (int)values[^1] : ranks[(int)values[^1]];
}
