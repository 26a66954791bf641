using CsCheck;

namespace Lockstep.Fuzzing;

internal static class Any
{
    /// <summary>One of some values; one that is there twice comes twice as often.</summary>
    public static Gen<T> Of<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
