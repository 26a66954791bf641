using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>A column that is being read.</summary>
/// <param name="Index">Zero-based, within the first file.</param>
/// <param name="IsLabel">Its values are predicted: none may be missing.</param>
internal sealed record TablePlace(int Index, string Name, bool IsLabel, DataSpec Spec, MissingTexts Missing, TableFaults Faults)
{
    /// <summary>Tells that a value is missing which must be there.</summary>
    /// <param name="mayBe">Whether features may be missing.</param>
    public void NoteMissing(TableRows rows, ReadOnlySpan<char> text, bool mayBe, string remedy)
    {
        if (IsLabel)
        {
            Fault(rows, "label", text, _ => $"There is no label in column {Name}.", "Remove the row or fill it in; labels are not imputed.");
        }
        else if (!mayBe)
        {
            Fault(rows, "missing", text, shown => $"There is no value in column {Name}{(shown.Length > 2 ? $" ({shown})" : "")}.", remedy);
        }
    }

    public void Fault(TableRows rows, string kind, ReadOnlySpan<char> text, Func<string, string> message, string remedy) => Faults.Add(rows, Index, kind, text, message, remedy);
}

/// <summary>Reads the fields of one column, and notes what is wrong with them.</summary>
internal interface ITableColumn
{
    /// <param name="rows">At the row.</param>
    /// <param name="text">The field.</param>
    /// <returns>What is stored; NaN where there is no value, or no good one.</returns>
    double Read(TableRows rows, ReadOnlySpan<char> text);

    /// <summary>The column as it was read; what concerns all of it is noted.</summary>
    RowColumn Finish();
}
