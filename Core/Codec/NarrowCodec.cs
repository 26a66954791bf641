using Lockstep.Core.Hashing;
using Kernels128 = Lockstep.Core.Codec.NarrowKernels<Lockstep.Core.Codec.Lanes128, System.Runtime.Intrinsics.Vector128<float>, System.Runtime.Intrinsics.Vector128<int>, System.Runtime.Intrinsics.Vector128<long>>;
using Kernels256 = Lockstep.Core.Codec.NarrowKernels<Lockstep.Core.Codec.Lanes256, System.Runtime.Intrinsics.Vector256<float>, System.Runtime.Intrinsics.Vector256<int>, System.Runtime.Intrinsics.Vector256<long>>;
using Kernels512 = Lockstep.Core.Codec.NarrowKernels<Lockstep.Core.Codec.Lanes512, System.Runtime.Intrinsics.Vector512<float>, System.Runtime.Intrinsics.Vector512<int>, System.Runtime.Intrinsics.Vector512<long>>;

namespace Lockstep.Core.Codec;

/// <summary>
/// Gradients as integers of few bits: v = round-to-nearest-even(g · 2^(30 − e)), q = ⌊(v + noise) / 2^16⌋, so that |q| ≤ 2^14 where |g| ≤ 2^e, and the mean of q over the noise is v / 2^16.
/// Every operation is element-wise, so any vector width gives the same bits; what is nearer to 0 than 2^(e − 31), denormal values among it, is 0. Values that are not finite, or beyond 2^e, give integers that are not defined: <see cref="BlockCodec.Magnitude"/> tells of them before.
/// </summary>
public static class NarrowCodec
{
    /// <summary>Bits of v beside its sign.</summary>
    private const int FineBits = 30;

    /// <summary>Encodes a block of one slot at an exponent that it fits.</summary>
    /// <param name="values">[n] finite gradients, |g| ≤ 2^exponent.</param>
    /// <param name="noise">Of the slot's block.</param>
    /// <param name="key">Of the block at that exponent.</param>
    /// <param name="sum">[n] added to, or overwritten.</param>
    /// <param name="adds">False: <paramref name="sum"/> holds nothing yet.</param>
    /// <returns>The linear hash of the slot's integers.</returns>
    public static ulong Encode(ReadOnlySpan<float> values, short exponent, RoundingNoise noise, in SlotHashKey key, Span<int> sum, bool adds)
    {
        // Within the exponents there are, scales are normal floats, so products round once.
        float scale = MathF.ScaleB(1, FineBits - exponent);
        ReadOnlySpan<int> factors = key.Factors[..values.Length];
        sum = sum[..values.Length];
        return Lanes512.IsSupported ? Kernels512.Encode(values, scale, noise, factors, key.Salt, sum, adds)
            : Lanes256.IsSupported ? Kernels256.Encode(values, scale, noise, factors, key.Salt, sum, adds)
            : Kernels128.Encode(values, scale, noise, factors, key.Salt, sum, adds);
    }
}
