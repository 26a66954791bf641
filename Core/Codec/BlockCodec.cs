using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lockstep.Core.Codec;

/// <summary>
/// Gradients as integers: q = round-to-nearest-even(g · 2^(k − r)), with k = ⌊log₂ ⌊(2³¹ − 1) / M⌋⌋, so that the sum over M slots cannot wrap.
/// Every operation is element-wise or a maximum, so any vector width gives the same bits.
/// </summary>
public static class BlockCodec
{
    /// <summary>The largest |q| of one slot.</summary>
    public static int Limit(int slots) => int.MaxValue / slots;

    /// <summary>Encodes a block of one slot and adds it to the group's sum.</summary>
    /// <param name="values">[n] gradients.</param>
    /// <param name="range">Exponent r: larger magnitudes than 2^r overflow and are clamped.</param>
    /// <param name="slots">M.</param>
    /// <param name="sum">[n] added to.</param>
    /// <param name="quantized">[n] overwritten with the slot's own integers.</param>
    /// <param name="maxAbs">Largest finite magnitude.</param>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(ReadOnlySpan<float> values, short range, int slots, Span<int> sum, Span<int> quantized, out float maxAbs, out SlotFlags flags)
    {
        Measure(values, out maxAbs, out flags);
        float bound = Bound(range);
        float scale = PowerOfTwo(Bits(slots) - range);
        if (maxAbs > bound)
        {
            flags |= SlotFlags.Overflow;
        }

        if (flags != SlotFlags.None)
        {
            for (int i = 0; i < values.Length; i++)
            {
                float value = float.IsFinite(values[i]) ? Math.Clamp(values[i], -bound, bound) : 0;
                quantized[i] = (int)MathF.Round(value * scale);
                sum[i] += quantized[i];
            }

            return;
        }

        int done = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ReadOnlySpan<Vector256<float>> from = MemoryMarshal.Cast<float, Vector256<float>>(values);
            Span<Vector256<int>> to = MemoryMarshal.Cast<int, Vector256<int>>(quantized);
            Span<Vector256<int>> sums = MemoryMarshal.Cast<int, Vector256<int>>(sum);
            Vector256<float> factor = Vector256.Create(scale);
            for (int i = 0; i < from.Length; i++)
            {
                Vector256<int> q = Vector256.ConvertToInt32(Vector256.Round(from[i] * factor, MidpointRounding.ToEven));
                to[i] = q;
                sums[i] += q;
            }

            done = from.Length * Vector256<float>.Count;
        }

        for (int i = done; i < values.Length; i++)
        {
            quantized[i] = (int)MathF.Round(values[i] * scale);
            sum[i] += quantized[i];
        }
    }

    /// <summary>Only looks: the largest finite magnitude, and whether a value was NaN or infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Measure(ReadOnlySpan<float> values, out float maxAbs, out SlotFlags flags)
    {
        flags = SlotFlags.None;
        float largest = 0;
        int done = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ReadOnlySpan<Vector256<float>> from = MemoryMarshal.Cast<float, Vector256<float>>(values);
            Vector256<float> most = Vector256<float>.Zero;
            Vector256<float> infinite = Vector256<float>.Zero;
            Vector256<float> infinity = Vector256.Create(float.PositiveInfinity);
            for (int i = 0; i < from.Length; i++)
            {
                Vector256<float> magnitude = Vector256.Abs(from[i]);
                Vector256<float> finite = Vector256.LessThan(magnitude, infinity);
                infinite |= ~finite;
                most = Vector256.Max(most, magnitude & finite);
            }

            for (int lane = 0; lane < Vector256<float>.Count; lane++)
            {
                largest = Math.Max(largest, most[lane]);
            }

            if (infinite.AsInt32() != Vector256<int>.Zero)
            {
                flags = SlotFlags.NonFinite;
            }

            done = from.Length * Vector256<float>.Count;
        }

        for (int i = done; i < values.Length; i++)
        {
            if (float.IsFinite(values[i]))
            {
                largest = Math.Max(largest, Math.Abs(values[i]));
            }
            else
            {
                flags = SlotFlags.NonFinite;
            }
        }

        maxAbs = largest;
    }

    /// <summary>Turns a sum over all slots back into a gradient.</summary>
    /// <param name="values">[n] overwritten.</param>
    public static void Decode(ReadOnlySpan<int> sum, short range, int slots, Span<float> values)
    {
        float factor = PowerOfTwo(range - Bits(slots));
        for (int i = 0; i < sum.Length; i++)
        {
            values[i] = sum[i] * factor;
        }
    }

    private static int Bits(int slots) => BitOperations.Log2((uint)Limit(slots));

    private static float Bound(short range) => range >= RangePolicy.Ceiling ? float.MaxValue : PowerOfTwo(range);

    // Ranges of RangePolicy keep every exponent used here within the normal floats, so products round once.
    private static float PowerOfTwo(int exponent) => MathF.ScaleB(1, exponent);
}
