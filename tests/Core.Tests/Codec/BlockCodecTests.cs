using System.Globalization;
using CsCheck;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Tests.Codec;

public sealed class BlockCodecTests
{
    private static readonly Gen<int> Slots = Gen.OneOf(Gen.Int[1, 20], Gen.OneOf(1, 2, 63, 64, 65, 1000, 65_535, 65_536));
    private static readonly Gen<short> Exponent = Gen.OneOf(Gen.Int[BlockExponent.Floor, BlockExponent.Ceiling], Gen.OneOf<int>(BlockExponent.Floor, 0, BlockExponent.Ceiling)).Select(r => (short)r);
    private static readonly SlotHash Hash = new(7);

    [Fact]
    public void The_magnitude_is_that_of_the_largest_value_and_what_is_not_finite_is_larger_than_all() => Floats.AnyBits.Array[0, 80].Sample(values =>
    {
        int expected = values.Select(v => BitConverter.SingleToInt32Bits(v) & int.MaxValue).DefaultIfEmpty(0).Max();
        Assert.Equal(expected, BlockCodec.Magnitude(values));
        Assert.Equal(values.Any(v => !float.IsFinite(v)), BlockCodec.Magnitude(values) >= BlockCodec.NotFinite);
    }, iter: 5000);

    [Fact]
    public void Equals_the_plain_reference_to_the_bit() =>
        Gen.Select(Slots, Exponent, Gen.Int.Array[80], Gen.Bool).SelectMany((slots, exponent, before, adds) =>
            Values(slots, exponent).Array[0, 80].Select(values => (slots, exponent, before, adds, values))).Sample((slots, exponent, before, adds, values) =>
        {
            int[] expected = Reference(values, exponent, slots);
            // Not at an address that vectors like.
            int[] sum = [5, .. before[..values.Length], 6];
            SlotHashKey key = Hash.Key(3, exponent);
            ulong hash = BlockCodec.Encode(values, exponent, slots, key, sum.AsSpan(1, values.Length), adds);
            Assert.Equal([5, .. before.Zip(expected, (a, b) => unchecked((adds ? a : 0) + b)), 6], sum);
            Assert.Equal(SlotHash.Of(expected, key, out int least, out int most), hash);
            Assert.Equal((expected.Append(0).Min(), expected.Append(0).Max()), (least, most));
            Assert.All(expected, q => Assert.InRange(q, -(1 << BlockCodec.Bits(slots)), 1 << BlockCodec.Bits(slots)));
        }, iter: 20_000);

    [Fact]
    public void Every_vector_width_gives_the_same_bits() =>
        Gen.Select(Slots, Exponent, Gen.Int.Array[100]).SelectMany((slots, exponent, before) =>
            Values(slots, exponent).Array[0, 100].Select(values => (slots, exponent, before, values))).Sample((slots, exponent, before, values) =>
                Widths.Equal(new AllLoops(values, before, exponent, slots)), iter: 3000);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(1000)]
    [InlineData(65_536)]
    public void All_slots_at_their_limit_do_not_wrap(int slots)
    {
        for (short exponent = BlockExponent.Floor; exponent <= BlockExponent.Ceiling; exponent++)
        {
            float most = exponent == BlockExponent.Ceiling ? float.MaxValue : MathF.ScaleB(1, exponent);
            float[] values = [.. Enumerable.Range(0, 37).Select(i => i % 2 == 0 ? most : -most)];
            var quantized = new int[values.Length];
            BlockCodec.Encode(values, exponent, slots, Hash.Key(0, exponent), quantized, adds: false);
            Assert.All(quantized, q => Assert.True(Math.Abs((long)q) * slots <= int.MaxValue));
            Assert.True(quantized[0] * 4L > int.MaxValue / slots, $"{quantized[0]} leaves two bits of {int.MaxValue / slots} unused.");
        }
    }

    [Fact]
    public void Ties_go_to_the_even_integer_and_denormal_numbers_to_zero()
    {
        // With M = 1 and exponent 30 the integers are the values themselves.
        float[] values = [0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 3.5f, 1e6f + 0.5f, 0.5f, -0f, float.Epsilon, -1e-39f, 1, -1, 2, 4, 0.49999997f, 0.50000006f];
        var quantized = new int[values.Length];
        BlockCodec.Encode(values, 30, 1, Hash.Key(0, 30), quantized, adds: false);
        Assert.Equal([0, 2, 2, 0, -2, -2, 4, 1_000_000, 0, 0, 0, 0, 1, -1, 2, 4, 0, 1], quantized);

        float[] denormal = [.. Enumerable.Repeat(BitConverter.Int32BitsToSingle(0x007F_FFFF), 19)];
        quantized = [.. Enumerable.Repeat(1, 19)];
        Assert.Equal(0, BlockExponent.CodeOf(BlockCodec.Magnitude(denormal)));
        BlockCodec.Encode(denormal, BlockExponent.Floor, 1, Hash.Key(0, BlockExponent.Floor), quantized, adds: true);
        Assert.All(quantized, q => Assert.Equal(1, q));
    }

    [Fact]
    public void A_decoded_sum_is_the_float_nearest_to_it() =>
        Gen.Select(Slots, Exponent, Gen.Int.Array[0, 40]).Sample((slots, exponent, sum) =>
        {
            var decoded = new float[sum.Length];
            var total = new double[sum.Length];
            BlockCodec.Decode(sum, exponent, slots, decoded);
            BlockCodec.Decode(sum, exponent, slots, total);
            for (int i = 0; i < sum.Length; i++)
            {
                double exact = sum[i] * Math.ScaleB(1, exponent - Bits(slots));
                Assert.Equal(exact, total[i]);
                Assert.Equal(BitConverter.SingleToInt32Bits((float)exact), BitConverter.SingleToInt32Bits(decoded[i]));
            }
        }, iter: 3000);

    /// <summary>Values around what matters: at the edge of what fits, at ties between integers, tiny.</summary>
    private static Gen<float> Values(int slots, short exponent)
    {
        float edge = exponent == BlockExponent.Ceiling ? float.MaxValue : MathF.ScaleB(1, exponent);
        return Gen.Frequency(
            (40, Gen.Float[-1, 1].Select(unit => MathF.ScaleB(unit, Math.Min((int)exponent, 126)))),
            (10, Gen.Int[-4000, 4000].Select(half => MathF.ScaleB(half / 2f, exponent - Bits(slots)))),
            (2, Gen.OneOf(1, -1).Select(sign => sign * edge)),
            (1, Floats.AnyBits),
            (1, Gen.OneOf(0f, -0f, float.Epsilon))).Select(value => Math.Abs(value) <= edge ? value : 0);
    }

    /// <summary>What the codec's summary says, in float64, one value at a time.</summary>
    private static int[] Reference(float[] values, short exponent, int slots) =>
        [.. values.Select(value => (int)Math.Round(value * Math.ScaleB(1.0, Bits(slots) - exponent), MidpointRounding.ToEven))];

    private static int Bits(int slots)
    {
        int bits = 0;
        while (2L << bits <= int.MaxValue / slots)
        {
            bits++;
        }

        return bits;
    }

    private sealed record AllLoops(float[] Values, int[] Before, short Exponent, int Slots) : IWidthCase
    {
        public string Run<TLanes, TF, TI, TL>()
            where TLanes : struct, ILanes<TF, TI, TL>
            where TF : struct
            where TI : struct
            where TL : struct
        {
            SlotHashKey key = new SlotHash(11).Key(2, Exponent);
            float scale = MathF.ScaleB(1, BlockCodec.Bits(Slots) - Exponent);
            int magnitude = BlockKernels<TLanes, TF, TI, TL>.Magnitude(Values);
            int[] added = Before[..Values.Length];
            int[] written = Before[..Values.Length];
            ulong first = BlockKernels<TLanes, TF, TI, TL>.Encode(Values, scale, key.Factors, key.Salt, added, adds: true);
            ulong second = BlockKernels<TLanes, TF, TI, TL>.Encode(Values, scale, key.Factors, key.Salt, written, adds: false);
            ulong hash = BlockKernels<TLanes, TF, TI, TL>.Hash(written, key.Factors, key.Salt, out int least, out int most);
            Assert.Equal((first, second), (hash, hash));
            ulong whole = BlockKernels<TLanes, TF, TI, TL>.Hash(Before, key.Factors, key.Salt, out int lower, out int upper);
            var decoded = new float[Before.Length];
            BlockKernels<TLanes, TF, TI, TL>.Decode(Before, 1 / scale, decoded);
            return string.Create(CultureInfo.InvariantCulture, $"{magnitude} {hash} {least} {most} {whole} {lower} {upper} | {string.Join(' ', added)} | {string.Join(' ', written)} | {string.Join(' ', Floats.Bits(decoded))}");
        }
    }
}
