using System.Numerics;
using System.Runtime.CompilerServices;

namespace Lockstep.Core.Optimizers;

/// <summary>Moves an average by a part of the way to new values. Products and sums are fused here and nowhere else, so any vector width gives the same bits.</summary>
public static class MovingAverage
{
    /// <param name="decay">The part that stays.</param>
    /// <param name="average">As long as the values; overwritten.</param>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Update(double decay, ReadOnlySpan<float> values, Span<float> average)
    {
        float part = (float)(1 - decay);
        var parts = new Vector<float>(part);
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var before = new Vector<float>(average[i..]);
            Vector.FusedMultiplyAdd(new Vector<float>(values[i..]) - before, parts, before).CopyTo(average[i..]);
        }

        for (; i < values.Length; i++)
        {
            average[i] = MathF.FusedMultiplyAdd(values[i] - average[i], part, average[i]);
        }
    }
}
