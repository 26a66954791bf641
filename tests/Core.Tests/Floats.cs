using CsCheck;

namespace Lockstep.Core.Tests;

/// <summary>Numbers as they come, and as they should not.</summary>
internal static class Floats
{
    /// <value>Every bit pattern: subnormal numbers, negative zeros, infinities and not-a-numbers too.</value>
    public static readonly Gen<float> AnyBits = Gen.Int.Select(BitConverter.Int32BitsToSingle);

    /// <value>Of every magnitude, finite.</value>
    public static readonly Gen<float> Finite = AnyBits.Where(float.IsFinite);

    /// <value>As gradients, parameters and optimizer state are: some zero, most between 2⁻²⁰ and 2⁴.</value>
    public static readonly Gen<float> Usual = Gen.Frequency(
        (1, Gen.OneOf(0f, -0f)),
        (9, Gen.Select(Gen.Float[-1, 1], Gen.Int[-20, 4], (mantissa, exponent) => MathF.ScaleB(mantissa, exponent))));

    public static int[] Bits(ReadOnlySpan<float> values)
    {
        var bits = new int[values.Length];
        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] = BitConverter.SingleToInt32Bits(values[i]);
        }

        return bits;
    }
}
