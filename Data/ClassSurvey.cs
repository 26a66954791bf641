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
    private readonly Dictionary<int, long> _counts = [];
    private readonly HashSet<int> _validation = [];
    private int[]? _validationRanks;

    public void AddTraining(double[] values)
    {
        if (_isClasses)
        {
            int label = ClassOf(values, _ranks);
            _counts[label] = _counts.GetValueOrDefault(label) + 1;
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

    public IEnumerable<InputError> Tell()
    {
        if (!_isClasses)
        {
            yield break;
        }

        if (_counts.Count == 1)
        {
            yield return new InputError(spec.Train, 0, $"All training rows are of one class, {Name(_counts.Keys.First())}: there is nothing to tell apart.", "Give rows of other classes as well.");
            yield break;
        }

        (int most, long count) = _counts.MaxBy(c => c.Value);
        double share = count / (double)_counts.Values.Sum();
        if (share > MostUnequal)
        {
            yield return new InputError(spec.Train, 0, string.Create(CultureInfo.InvariantCulture, $"The classes are very unequal: {share * 100:F1}% of the training rows are of class {Name(most)}, so that an accuracy of {share:F3} is had by always saying so."), "Give more rows of the others, or fewer of it; for two classes measure auc.");
        }

        if (_validation.Count == 1)
        {
            yield return new InputError(DataFiles.OfValidation(spec) is [{ } file, ..] ? file : spec.Train, 0, $"All validation rows are of one class, {Name(_validation.First())}: auc cannot be had, and an accuracy says nothing of the others.", spec.Split is null ? "Give validation rows of other classes as well." : "Raise 'split', or choose another 'seed'.");
        }
    }

    private string Name(int index) => training.ClassNames() is { Length: > 0 } names ? names[index] : index.ToString(CultureInfo.InvariantCulture);

    private static int[]? RanksOf(RowFormat format) => format.Columns is [.., { Categories: not null } label] ? label.Ranks() : null;

    private static int ClassOf(double[] values, int[]? ranks) => ranks is null ? (int)values[^1] : ranks[(int)values[^1]];
}
