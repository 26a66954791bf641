using Lockstep.Abstractions;

namespace Lockstep.Training;

/// <summary>What data and loss ask of a model of layers.</summary>
/// <param name="SampleShape">Of the one input, without the batch.</param>
/// <param name="Outputs">Numbers that the loss takes: of a sample, or of each of its positions.</param>
internal sealed record ModelNeeds(IReadOnlyList<int> SampleShape, int Outputs)
{
    /// <value>Labels of one sample, where each position of a sequence has a class of its own; null: a sample has one.</value>
    public int? Positions { get; init; }

    /// <value>Whether the input is whole numbers.</value>
    public bool IsIndexes { get; init; }

    /// <value>Different whole numbers that come in; null: nobody says.</value>
    public int? Vocabulary { get; init; }

    /// <value>Of data from columns: numbers that each became, more than one being the flags of a category; empty: nobody says.</value>
    public IReadOnlyList<int> Columns { get; init; } = [];

    /// <value>What comes out of the last layer for one sample.</value>
    public IReadOnlyList<int> OutputShape => Positions is { } positions ? [positions, Outputs] : [Outputs];

    /// <summary>Classes of one sample, where a label has several; null: it has one, or is none of classes.</summary>
    public static int? PositionsOf(DataField? label) => label is { Classes: not null, Length: > 1 } ? label.Length : null;

    /// <param name="input">The data's one input.</param>
    /// <param name="label">Null: there is none.</param>
    public static ModelNeeds Of(DataField input, DataField? label, int outputs) => new([.. input.Shape.Select(size => checked((int)size))], outputs)
    {
        Positions = PositionsOf(label),
        IsIndexes = input.Type == FieldType.Int64,
        Vocabulary = input.Classes,
        Columns = input.Columns,
    };
}
