using System.Numerics;
using System.Runtime.Intrinsics;
using Lockstep.Core.Hashing;
using Kernels128 = Lockstep.Core.Codec.BlockKernels<Lockstep.Core.Codec.Lanes128, System.Runtime.Intrinsics.Vector128<float>, System.Runtime.Intrinsics.Vector128<int>, System.Runtime.Intrinsics.Vector128<long>>;
using Kernels256 = Lockstep.Core.Codec.BlockKernels<Lockstep.Core.Codec.Lanes256, System.Runtime.Intrinsics.Vector256<float>, System.Runtime.Intrinsics.Vector256<int>, System.Runtime.Intrinsics.Vector256<long>>;
using Kernels512 = Lockstep.Core.Codec.BlockKernels<Lockstep.Core.Codec.Lanes512, System.Runtime.Intrinsics.Vector512<float>, System.Runtime.Intrinsics.Vector512<int>, System.Runtime.Intrinsics.Vector512<long>>;

namespace Lockstep.Core.Codec;

/// <summary>
/// Gradients as integers: q = round-to-nearest-even(g · 2^(k − e)) at an exponent e, with k = ⌊log₂ ⌊(2³¹ − 1) / M⌋⌋, so that |q| ≤ 2^k where |g| ≤ 2^e, and the sum over M slots cannot wrap.
/// Every operation is element-wise or a maximum, so any vector width gives the same bits.
/// </summary>
public static class BlockCodec
{
    /// <summary>Magnitudes from here on are infinite or not a number.</summary>
    public const int NotFinite = 0x7F80_0000;

    /// <summary>k: the largest |q| of one slot is 2^k.</summary>
    /// <param name="slots">M.</param>
    public static int Bits(int slots) => BitOperations.Log2((uint)(int.MaxValue / slots));

    /// <summary>The bits of the largest |g|, which order as the magnitudes do; at least <see cref="NotFinite"/> where a value is not finite.</summary>
    public static int Magnitude(ReadOnlySpan<float> values) =>
        Lanes512.IsSupported ? Kernels512.Magnitude(values) : Lanes256.IsSupported ? Kernels256.Magnitude(values) : Kernels128.Magnitude(values);

    /// <summary>Encodes a block of one slot at an exponent that it fits.</summary>
    /// <param name="values">[n] finite gradients, |g| ≤ 2^exponent.</param>
    /// <param name="key">Of the block at that exponent.</param>
    /// <param name="sum">[n] added to, or overwritten.</param>
    /// <param name="adds">False: <paramref name="sum"/> holds nothing yet.</param>
    /// <returns>The linear hash of the slot's integers.</returns>
    public static ulong Encode(ReadOnlySpan<float> values, short exponent, int slots, in SlotHashKey key, Span<int> sum, bool adds)
    {
        // Within the exponents there are, scales are normal floats, so products round once.
        float scale = PowerOfTwo(Bits(slots) - exponent);
        ReadOnlySpan<int> factors = key.Factors[..values.Length];
        sum = sum[..values.Length];
        return Lanes512.IsSupported ? Kernels512.Encode(values, scale, factors, key.Salt, sum, adds)
            : Lanes256.IsSupported ? Kernels256.Encode(values, scale, factors, key.Salt, sum, adds)
            : Kernels128.Encode(values, scale, factors, key.Salt, sum, adds);
    }

    /// <summary>Turns a sum at one exponent back into a gradient. Its integers are rounded to float32 once.</summary>
    /// <param name="values">[n] overwritten; infinite where the sum overflows float32.</param>
    public static void Decode(ReadOnlySpan<int> sum, short exponent, int slots, Span<float> values)
    {
        // A sum's unit is a normal float, so scaling does not round again.
        float factor = PowerOfTwo(exponent - Bits(slots));
        values = values[..sum.Length];
        if (Lanes512.IsSupported)
        {
            Kernels512.Decode(sum, factor, values);
        }
        else if (Lanes256.IsSupported)
        {
            Kernels256.Decode(sum, factor, values);
        }
        else
        {
            Kernels128.Decode(sum, factor, values);
        }
    }

    /// <summary>Adds a sum at one exponent to a block's gradient in float64: exact products, each addition rounded.</summary>
    /// <param name="total">[n] added to.</param>
    public static void Decode(ReadOnlySpan<int> sum, short exponent, int slots, Span<double> total)
    {
        double factor = Math.ScaleB(1, exponent - Bits(slots));
        total = total[..sum.Length];
        int i = 0;
        Vector256<double> factors = Vector256.Create(factor);
        for (; i <= sum.Length - Vector256<double>.Count; i += Vector256<double>.Count)
        {
            Vector128<int> integers = Vector128.Create(sum[i..]);
            Vector256<double> products = Vector256.ConvertToDouble(Vector256.Create(Vector128.WidenLower(integers), Vector128.WidenUpper(integers))) * factors;
            (Vector256.Create<double>(total[i..]) + products).CopyTo(total[i..]);
        }

        for (; i < sum.Length; i++)
        {
            total[i] += sum[i] * factor;
        }
    }

    private static float PowerOfTwo(int exponent) => MathF.ScaleB(1, exponent);
}
