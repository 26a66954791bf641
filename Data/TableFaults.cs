using System.Globalization;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>What is wrong with the values of a data set's files: one message a column and kind of fault, with the first place, the value there, and how many more there are.</summary>
internal sealed class TableFaults
{
    /// <summary>Messages; a file of another kind than was thought has one a column.</summary>
    private const int MostTold = 20;

    private const int LongestValue = 60;

    private readonly Dictionary<(int Column, string Kind), Fault> _faults = [];
    private readonly List<InputError> _whole = [];

    /// <summary>The first characters of a value, for a message.</summary>
    public static string Show(ReadOnlySpan<char> value) => value.Length <= LongestValue ? $"'{value}'" : $"'{value[..LongestValue]}…'";

    /// <param name="rows">At the row.</param>
    /// <param name="kind">Of fault: what is counted together.</param>
    /// <param name="message">Made for the first of its kind.</param>
    public void Add(TableRows rows, int column, string kind, ReadOnlySpan<char> value, Func<string, string> message, string remedy)
    {
        if (_faults.TryGetValue((column, kind), out Fault? fault))
        {
            fault.Count++;
            fault.Second ??= rows.Path == fault.First.File ? $"in line {rows.Line.ToString(CultureInfo.InvariantCulture)}" : $"at {rows.Path}:{rows.Line.ToString(CultureInfo.InvariantCulture)}";
            return;
        }

        _faults.Add((column, kind), new Fault(new InputError(rows.Path, rows.Line, message(Show(value)), remedy)));
    }

    /// <param name="fault">Of a whole column.</param>
    public void Add(InputError fault) => _whole.Add(fault);

    /// <exception cref="InputException">There are faults.</exception>
    public void Throw(IEnumerable<InputError>? more = null)
    {
        InputError[] all = [.. _faults.Values.Select(Tell).Concat(_whole).Concat(more ?? []).OrderBy(e => e.Line)];
        if (all.Length == 0)
        {
            return;
        }

        throw new InputException(all.Length <= MostTold
            ? all
            : [.. all.Take(MostTold), new InputError(all[0].File, 0, $"{all.Length - MostTold} more columns and kinds of fault are not shown.", "Correct the first, and look again.")]);
    }

    private static InputError Tell(Fault fault) => fault.Count == 1
        ? fault.First
        : fault.First with { Message = $"{fault.First.Message} {Amount.Of(fault.Count - 1, "more row").Replace("1 more row", "One more row", StringComparison.Ordinal)} {(fault.Count == 2 ? "has" : "have")} this, the next {fault.Second}." };

    private sealed class Fault(InputError first)
    {
        public InputError First { get; } = first;
        public long Count { get; set; } = 1;
        public string? Second { get; set; }
    }
}
