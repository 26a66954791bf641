using Lockstep.Contracts;
using Lockstep.Core.Sampling;

namespace Lockstep.Data;

/// <summary>Which rows of the training data are held out for validation, by a seeded permutation.</summary>
public sealed class DataSplit
{
    private const ulong Key = 0x73706c6974;

    private readonly SeededPermutation _order;

    /// <param name="fraction">Of the rows that is held out; null: none is.</param>
    /// <param name="file">For messages.</param>
    /// <exception cref="InputException">One side is empty.</exception>
    public DataSplit(double? fraction, long rows, ulong seed, string file)
    {
        Held = fraction is { } part ? (long)Math.Round(rows * part) : 0;
        if (fraction is not null && (Held < 1 || Held >= rows))
        {
            throw new InputException(file, 0, $"A split of {fraction} of {rows} rows leaves one side empty.", "Choose another 'split', or give more data.");
        }

        _order = new SeededPermutation((ulong)rows, CounterRandom.Key(seed, Key, 0));
    }

    /// <value>Rows that are held out.</value>
    public long Held { get; }

    public bool IsTraining(long row) => Held == 0 || (long)_order.IndexOf((ulong)row) >= Held;

    /// <summary>The row of a training sample.</summary>
    /// <param name="sample">0 … rows − Held − 1.</param>
    public long TrainingRow(long sample) => Held == 0 ? sample : (long)_order[(ulong)(Held + sample)];

    /// <summary>The row of a sample that is held out.</summary>
    /// <param name="sample">0 … Held − 1.</param>
    public long HeldRow(long sample) => (long)_order[(ulong)sample];
}
