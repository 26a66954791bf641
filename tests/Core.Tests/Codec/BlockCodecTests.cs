using CsCheck;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Tests.Codec;

public sealed class BlockCodecTests
{
    private static readonly Gen<int> Slots = Gen.OneOf(Gen.Int[1, 20], Gen.OneOf(1, 2, 63, 64, 65, 1000, 65_535, 65_536));
    private static readonly Gen<short> Range = Gen.OneOf(Gen.Int[RangePolicy.Floor, RangePolicy.Ceiling], Gen.OneOf<int>(RangePolicy.Floor, 0, RangePolicy.Ceiling)).Select(r => (short)r);

    [Fact]
    public void Equals_the_plain_reference_to_the_bit()
    {
        var seen = new int[4];
        Gen.Select(Slots, Range, Gen.Int.Array[40]).SelectMany((slots, range, before) =>
            Values(slots, range).Array[0, 40].Select(values => (slots, range, before, values))).Sample((slots, range, before, values) =>
        {
            (int[] expected, float expectedMaximum, SlotFlags expectedFlags) = Reference(values, range, slots);
            int[] sum = before[..values.Length], quantized = new int[values.Length];
            BlockCodec.Accumulate(values, range, slots, sum, quantized, out float maximum, out SlotFlags flags);
            Assert.Equal(expected, quantized);
            Assert.Equal(before.Zip(expected, (a, b) => unchecked(a + b)), sum);
            Assert.Equal((BitConverter.SingleToInt32Bits(expectedMaximum), expectedFlags), (BitConverter.SingleToInt32Bits(maximum), flags));
            Assert.All(quantized, q => Assert.InRange(q, -BlockCodec.Limit(slots), BlockCodec.Limit(slots)));
            Interlocked.Increment(ref seen[(int)flags]);

            BlockCodec.Measure(values, out float measured, out SlotFlags found);
            Assert.Equal((BitConverter.SingleToInt32Bits(maximum), flags & SlotFlags.NonFinite), (BitConverter.SingleToInt32Bits(measured), found));
        }, iter: 20_000);

        // Every combination of overflow and not-finite came up.
        Assert.DoesNotContain(0, seen);
    }

    [Fact]
    public void Sums_are_the_same_in_any_grouping_and_order() =>
        Gen.Select(Gen.Int[1, 12], Range, Gen.Int[1, 30], Gen.Int).SelectMany((slots, range, length, seed) =>
            Gen.Select(Values(slots, range).Where(float.IsFinite).Array[length].Array[slots], Gen.Shuffle(Enumerable.Range(0, slots).ToArray()), Gen.Int[0, slots - 1].Array[slots])
                .Select((gradients, order, groups) => (slots, range, gradients, order, groups))).Sample((slots, range, gradients, order, groups) =>
        {
            int length = gradients[0].Length;
            long[] exact = new long[length];
            foreach (float[] gradient in gradients)
            {
                int[] own = Reference(gradient, range, slots).Quantized;
                for (int i = 0; i < length; i++)
                {
                    exact[i] += own[i];
                }
            }

            // Workers add up the slots that they ran, a shard adds what comes.
            var whole = new int[length];
            foreach (IGrouping<int, int> group in order.GroupBy(slot => groups[slot]))
            {
                var sum = new int[length];
                foreach (int slot in group)
                {
                    BlockCodec.Accumulate(gradients[slot], range, slots, sum, new int[length], out _, out _);
                }

                whole = [.. whole.Zip(sum, (a, b) => checked(a + b))];
            }

            Assert.Equal(exact, whole.Select(s => (long)s));
        }, iter: 2000);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(1000)]
    [InlineData(65_536)]
    public void All_slots_at_their_limit_do_not_wrap(int slots)
    {
        for (short range = RangePolicy.Floor; range <= RangePolicy.Ceiling; range++)
        {
            float most = range == RangePolicy.Ceiling ? float.MaxValue : MathF.ScaleB(1, range);
            float[] values = [most, -most, float.MaxValue, -float.MaxValue, float.PositiveInfinity, float.NaN, most, -most, most];
            var quantized = new int[values.Length];
            BlockCodec.Accumulate(values, range, slots, new int[values.Length], quantized, out _, out _);
            Assert.All(quantized, q => Assert.True(Math.Abs((long)q) * slots <= int.MaxValue));
            Assert.True(quantized[0] * 4L > BlockCodec.Limit(slots), $"{quantized[0]} leaves two bits of {BlockCodec.Limit(slots)} unused.");
        }
    }

    [Fact]
    public void Ties_go_to_the_even_integer()
    {
        // With M = 1 and range 30 the integers are the values themselves.
        float[] values = [0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 3.5f, 1e6f + 0.5f, 0.5f];
        var quantized = new int[values.Length];
        BlockCodec.Accumulate(values, 30, 1, new int[values.Length], quantized, out _, out _);
        Assert.Equal([0, 2, 2, 0, -2, -2, 4, 1_000_000, 0], quantized);
    }

    [Fact]
    public void A_decoded_sum_is_within_half_a_quantum_for_each_slot() =>
        Gen.Select(Slots, Gen.Int[RangePolicy.Floor, 100].Select(r => (short)r)).SelectMany((slots, range) =>
            Gen.Float[-1, 1].Array[1, 40].Array[1, Math.Min(slots, 6)].Select(unit => (slots, range, unit))).Sample((slots, range, unit) =>
        {
            int length = unit.Min(g => g.Length);
            var sum = new int[length];
            foreach (float[] gradient in unit)
            {
                BlockCodec.Accumulate(Array.ConvertAll(gradient[..length], g => MathF.ScaleB(g, range)), range, slots, sum, new int[length], out _, out SlotFlags flags);
                Assert.Equal(SlotFlags.None, flags);
            }

            var decoded = new float[length];
            BlockCodec.Decode(sum, range, slots, decoded);
            double quantum = Math.ScaleB(1.0, range - (int)Math.Floor(Math.Log2(BlockCodec.Limit(slots))));
            for (int i = 0; i < length; i++)
            {
                double exact = unit.Sum(g => (double)MathF.ScaleB(g[i], range));
                Assert.InRange(Math.Abs(decoded[i] - exact), 0, (unit.Length * quantum / 2) + (Math.Abs(exact) * Math.ScaleB(1, -24)));
            }
        }, iter: 3000);

    /// <summary>Values around what matters: within the range, at its edge, at ties between integers, and not finite.</summary>
    private static Gen<float> Values(int slots, short range)
    {
        int bits = (int)Math.Floor(Math.Log2(BlockCodec.Limit(slots)));
        return Gen.Frequency(
            (40, Gen.Float[-1, 1].Select(unit => MathF.ScaleB(unit, Math.Min((int)range, 126)))),
            (10, Gen.Int[-4000, 4000].Select(half => MathF.ScaleB(half / 2f, range - bits))),
            (2, Gen.OneOf(1, -1).Select(sign => sign * MathF.ScaleB(1, range))),
            (1, Gen.OneOf(1, -1).Select(sign => sign * MathF.BitIncrement(MathF.ScaleB(1, Math.Min((int)range, 127))))),
            (1, Floats.AnyBits),
            (1, Gen.OneOf(0f, -0f, float.Epsilon, float.NaN, float.PositiveInfinity, float.NegativeInfinity)));
    }

    /// <summary>What the codec's summary says, in float64, one value at a time.</summary>
    private static (int[] Quantized, float Maximum, SlotFlags Flags) Reference(float[] values, short range, int slots)
    {
        int bits = 0;
        while (2L << bits <= int.MaxValue / slots)
        {
            bits++;
        }

        double bound = Math.ScaleB(1.0, range);
        var quantized = new int[values.Length];
        float maximum = 0;
        var flags = SlotFlags.None;
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                flags |= SlotFlags.NonFinite;
                continue;
            }

            maximum = Math.Max(maximum, Math.Abs(values[i]));
            flags |= Math.Abs(values[i]) > bound ? SlotFlags.Overflow : SlotFlags.None;
            quantized[i] = (int)Math.Round(Math.Clamp(values[i], -bound, bound) * Math.ScaleB(1.0, bits - range), MidpointRounding.ToEven);
        }

        return (quantized, maximum, flags);
    }
}
