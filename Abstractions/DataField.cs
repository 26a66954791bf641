namespace Lockstep.Abstractions;

/// <summary>What the numbers of a field are.</summary>
public enum FieldType
{
    /// <summary>32-bit floating point.</summary>
    Float32 = 1,

    /// <summary>64-bit whole numbers, such as indexes of classes or tokens.</summary>
    Int64 = 2,
}

/// <summary>One tensor of a sample: an input of the model, or a label.</summary>
/// <param name="Name">By which model and loss find it in their dictionaries.</param>
/// <param name="Shape">Of one sample, without the batch; empty: a single number.</param>
/// <param name="Type">What its numbers are.</param>
public sealed record DataField(string Name, IReadOnlyList<long> Shape, FieldType Type = FieldType.Float32)
{
    /// <value>Whether it is a label, which the loss takes and the model does not.</value>
    public bool IsLabel { get; init; }

    /// <value>Of a label that is the index of a class, 0 … Classes − 1, or one such index for each position of a sequence: how many classes there are. Of an input of whole numbers from 0: how many there are, which an embedding goes by. Else null. A value beyond them is refused with the sample's index.</value>
    public int? Classes { get; init; }

    /// <value>Of a label that is numbers, by column: what one unit of it is in the unit that the metrics mae and rmse are told in; empty: the same.</value>
    public IReadOnlyList<double> Units { get; init; } = [];

    /// <value>Of a label that is numbers, by column: what its unit's 0 is in the unit that metrics are told in, which mape goes by; empty: 0.</value>
    public IReadOnlyList<double> Offsets { get; init; } = [];

    /// <value>Of an input that was made of columns: how many numbers each became, in order, more than one being the flags of a category, of which one at most is 1; empty: nobody says.</value>
    public IReadOnlyList<int> Columns { get; init; } = [];

    /// <value>Numbers of one sample: the product of <see cref="Shape"/>.</value>
    public int Length { get; } = checked((int)Shape.Aggregate(1L, (product, size) => checked(product * size)));

    /// <summary>An input of floats.</summary>
    /// <param name="name">See <see cref="Name"/>.</param>
    /// <param name="shape">See <see cref="Shape"/>.</param>
    public static DataField Input(string name, params long[] shape) => new(name, shape);

    /// <summary>An input of whole numbers.</summary>
    /// <param name="name">See <see cref="Name"/>.</param>
    /// <param name="shape">See <see cref="Shape"/>.</param>
    public static DataField Indexes(string name, params long[] shape) => new(name, shape, FieldType.Int64);

    /// <summary>A label of floats.</summary>
    /// <param name="name">See <see cref="Name"/>.</param>
    /// <param name="shape">See <see cref="Shape"/>.</param>
    public static DataField Label(string name, params long[] shape) => new(name, shape) { IsLabel = true };

    /// <summary>A label that is one class's index.</summary>
    /// <param name="name">See <see cref="Name"/>.</param>
    /// <param name="classes">See <see cref="Classes"/>.</param>
    public static DataField Class(string name, int classes) => new(name, [], FieldType.Int64) { IsLabel = true, Classes = classes };
}
