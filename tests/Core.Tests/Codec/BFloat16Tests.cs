using CsCheck;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Tests.Codec;

public sealed class BFloat16Tests
{
    /// <value>Any bits, and those around what matters: halfway between two, denormal, at the end of the range, infinite, none.</value>
    private static readonly Gen<float> Value = Gen.OneOf(
        Floats.AnyBits,
        Gen.Select(Gen.Int[0, 0xFFFF], Gen.OneOf(0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF), (upper, lower) => BitConverter.Int32BitsToSingle((upper << 16) | lower)),
        Gen.OneOf(0f, -0f, float.Epsilon, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN));

    [Fact]
    public void Equals_the_plain_reference_to_the_bit() => Value.Array[0, 80].Sample(values =>
    {
        int[] expected = [.. values.Select(value => Reference(value) << 16)];
        // Not at an address that vectors like, and in place too.
        float[] rounded = [1, .. new float[values.Length], 2];
        BFloat16.Round(values, rounded.AsSpan(1, values.Length));
        Assert.Equal([BitConverter.SingleToInt32Bits(1), .. expected, BitConverter.SingleToInt32Bits(2)], Floats.Bits(rounded));
        float[] own = [.. values];
        BFloat16.Round(own, own);
        Assert.Equal(expected, Floats.Bits(own));

        byte[] halves = [3, .. new byte[values.Length * 2], 4];
        BFloat16.Narrow(values, halves.AsSpan(1, values.Length * 2));
        byte[] expectedHalves = [3, .. expected.SelectMany(bits => BitConverter.GetBytes((ushort)(bits >>> 16))), 4];
        Assert.Equal(expectedHalves, halves);
        float[] widened = [1, .. new float[values.Length], 2];
        BFloat16.Widen(halves.AsSpan(1, values.Length * 2), widened.AsSpan(1, values.Length));
        Assert.Equal(Floats.Bits(rounded), Floats.Bits(widened));
    }, iter: 10_000);

    [Fact]
    public void Every_vector_width_gives_the_same_bits() => Value.Array[0, 100].Sample(values => Widths.Equal(new AllWays(values)), iter: 2000);

    [Fact]
    public void Rounding_what_is_rounded_changes_nothing() => Value.Array[1, 40].Sample(values =>
    {
        BFloat16.Round(values, values);
        int[] once = Floats.Bits(values);
        BFloat16.Round(values, values);
        Assert.Equal(once, Floats.Bits(values));
    });

    /// <summary>The nearest of those with 16 bits, in float64; of two, the one whose last bit is 0.</summary>
    private static int Reference(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        if (float.IsNaN(value))
        {
            return ((bits >>> 16) | 0x40) & 0xFFFF;
        }

        int below = bits >>> 16;
        if (!float.IsFinite(value) || (bits & 0xFFFF) == 0)
        {
            return below;
        }

        // Beyond the largest the next one is what it would be, were there another power of two.
        double low = BitConverter.Int32BitsToSingle(below << 16);
        double high = (below & 0x7FFF) == 0x7F7F ? Math.CopySign(Math.ScaleB(1, 128), low) : BitConverter.Int32BitsToSingle((below + 1) << 16);
        double toLow = Math.Abs(value - low), toHigh = Math.Abs(high - value);
        return toLow < toHigh || (toLow == toHigh && (below & 1) == 0) ? below : below + 1;
    }

    private sealed record AllWays(float[] Values) : IWidthCase
    {
        public string Run<TLanes, TF, TI, TL>()
            where TLanes : struct, ILanes<TF, TI, TL>
            where TF : struct
            where TI : struct
            where TL : struct
        {
            var rounded = new float[Values.Length];
            BFloat16Kernels<TLanes, TF, TI, TL>.Round(Values, rounded);
            var halves = new ushort[Values.Length];
            BFloat16Kernels<TLanes, TF, TI, TL>.Narrow(Values, halves);
            var widened = new float[Values.Length];
            BFloat16Kernels<TLanes, TF, TI, TL>.Widen(halves, widened);
            return $"{string.Join(' ', Floats.Bits(rounded))} | {string.Join(' ', halves)} | {string.Join(' ', Floats.Bits(widened))}";
        }
    }
}
