namespace Lockstep.Core.Layout;

/// <summary>What the update does with a tensor: parameters are optimized, buffers take the sum as it is.</summary>
public enum TensorKind : byte
{
    Parameter = 1,
    Buffer = 2,
}

/// <summary>One tensor of a model.</summary>
/// <param name="Shape">Dimensions, all positive; empty for a scalar.</param>
public sealed record TensorSpec(string Name, TensorKind Kind, IReadOnlyList<int> Shape)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public long Elements => Shape.Aggregate(1L, (product, size) => checked(product * size));
}
