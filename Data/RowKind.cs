namespace Lockstep.Data;

/// <summary>What the features of stored rows are.</summary>
internal enum RowKind
{
    /// <summary>Columns, each a float64: a number, or the index of a text.</summary>
    Numbers = 1,

    /// <summary>Pixels, each a byte.</summary>
    Bytes = 2,

    /// <summary>One token a row, an int32; a sample is many of them.</summary>
    Tokens = 3,
}
