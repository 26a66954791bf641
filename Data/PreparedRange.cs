using System.Globalization;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>Whether all values of a data set are finite numbers of 32 bits once they are prepared.</summary>
internal static class PreparedRange
{
    /// <exception cref="InputException">One is not; all columns with such a value are named.</exception>
    public static void Check(IReadOnlyList<string> files, RowFormat format, NormalizationTable table)
    {
        var errors = new List<InputError>();
        int[] first = RowDataSet.FirstFeatures(format);
        int features = format.FeatureColumns.Count();
        for (int i = 0; i < format.Columns.Length; i++)
        {
            RowColumn column = format.Columns[i];
            foreach (Extreme extreme in new[] { column.Least, column.Largest }.OfType<Extreme>().Distinct())
            {
                if (!float.IsFinite(i < features ? table.Prepare(first[i], extreme.Value) : table.PrepareLabel(i - features, extreme.Value)))
                {
                    string remedy = i >= features ? "Correct the value or remove the row; labels beyond 3.4e38 cannot be learnt."
                        : "Correct the value, remove the row, or set 'normalize: standard' where such values are right.";
                    errors.Add(new InputError(files[extreme.File], extreme.Line, string.Create(CultureInfo.InvariantCulture, $"'{extreme.Value:R}' in column {column.Name} is not a finite number of 32 bits when it is prepared."), remedy));
                }
            }
        }

        if (errors.Count > 0)
        {
            throw new InputException(errors);
        }
    }
}
