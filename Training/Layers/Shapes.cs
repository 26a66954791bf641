namespace Lockstep.Training;

/// <summary>Shapes of one sample.</summary>
internal static class Shapes
{
    /// <summary>Far beyond what can be, and sums of it can be counted.</summary>
    private const long MostCounted = 1L << 50;

    /// <summary>Numbers of a shape; where they are more than can be counted, only that they are far too many.</summary>
    public static long Product(IEnumerable<int> shape) => (long)shape.Aggregate((Int128)1, (product, size) => Int128.Min(product * size, MostCounted));

    public static string Text(IReadOnlyList<int> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>As torch takes it.</summary>
    public static long[] Long(IEnumerable<int> shape) => [.. shape.Select(size => (long)size)];
}
