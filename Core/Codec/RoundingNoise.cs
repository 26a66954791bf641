using Lockstep.Core.Sampling;

namespace Lockstep.Core.Codec;

/// <summary>
/// What decides whether a number is rounded up or down: 16 bits an element that follow from the job's seed, the step, the slot and the element's place in the model alone, so whoever computes the slot rounds alike.
/// Of a block, a pair of keys; of an element, the upper half of a hash of its place (the 32-bit finalizer of MurmurHash3, with the second key between its rounds).
/// </summary>
/// <param name="A">First key.</param>
/// <param name="B">Second key.</param>
public readonly record struct RoundingNoise(int A, int B)
{
    internal const int Stride = unchecked((int)0x9E37_79B9);
    internal const int FirstFactor = unchecked((int)0x85EB_CA6B);
    internal const int SecondFactor = unchecked((int)0xC2B2_AE35);
    internal const int FirstShift = 16;
    internal const int SecondShift = 13;

    /// <summary>Bits of an element's noise.</summary>
    public const int Bits = 16;

    // What else is drawn of (seed, step, slot) is drawn of another seed.
    private const ulong Purpose = 0x726F_756E_6469_6E67;

    /// <summary>Of a slot; each of its blocks has its own.</summary>
    public static ulong KeyOf(ulong seed, long step, int slot) => CounterRandom.Key(seed ^ Purpose, (ulong)step, (ulong)slot);

    /// <param name="key">Of <see cref="KeyOf"/>.</param>
    /// <param name="block">Index in the model.</param>
    public static RoundingNoise Of(ulong key, int block)
    {
        ulong both = CounterRandom.Mix(key ^ (ulong)block);
        return new((int)both, (int)(both >> 32));
    }

    /// <summary>The noise of one element, 0 to 2^16 − 1.</summary>
    /// <param name="element">Place in the block.</param>
    public int At(int element)
    {
        unchecked
        {
            int x = (element * Stride) + A;
            x = ((x ^ (x >>> FirstShift)) * FirstFactor) + B;
            return ((x ^ (x >>> SecondShift)) * SecondFactor) >>> (32 - Bits);
        }
    }
}
