using CsCheck;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Tests.Codec;

public sealed class NarrowCodecTests
{
    private static readonly Gen<short> Exponent = Gen.OneOf(Gen.Int[BlockExponent.Floor, BlockExponent.Ceiling], Gen.OneOf<int>(BlockExponent.Floor, 0, BlockExponent.Ceiling)).Select(r => (short)r);
    private static readonly Gen<RoundingNoise> Noise = Gen.Select(Gen.Int, Gen.Int, (a, b) => new RoundingNoise(a, b));
    private static readonly SlotHash Hash = new(7);

    [Fact]
    public void Equals_the_plain_reference_to_the_bit() =>
        Gen.Select(Exponent, Noise, Gen.Int.Array[80], Gen.Bool).SelectMany((exponent, noise, before, adds) =>
            Values(exponent).Array[0, 80].Select(values => (exponent, noise, before, adds, values))).Sample((exponent, noise, before, adds, values) =>
        {
            int[] expected = Reference(values, exponent, noise);
            // Not at an address that vectors like.
            int[] sum = [5, .. before[..values.Length], 6];
            SlotHashKey key = Hash.Key(3, exponent);
            ulong hash = NarrowCodec.Encode(values, exponent, noise, key, sum.AsSpan(1, values.Length), adds);
            Assert.Equal([5, .. before.Zip(expected, (a, b) => unchecked((adds ? a : 0) + b)), 6], sum);
            Assert.Equal(SlotHash.Of(expected, key, out _, out _), hash);
            Assert.All(expected, q => Assert.InRange(q, -(1 << 14), 1 << 14));
        }, iter: 20_000);

    [Fact]
    public void Every_vector_width_gives_the_same_bits() =>
        Gen.Select(Exponent, Noise, Gen.Int.Array[100], Gen.Bool).SelectMany((exponent, noise, before, adds) =>
            Values(exponent).Array[0, 100].Select(values => (exponent, noise, before, adds, values))).Sample((exponent, noise, before, adds, values) => Widths.Equal(
                new Encoding(values, exponent, noise, before, adds)), iter: 3000);

    /// <summary>What is not finite is refused before; even so no kernel writes where it should not, and the hash is that of what was written.</summary>
    [Fact]
    public void Any_bits_stay_in_their_place() => Gen.Select(Exponent, Noise, Floats.AnyBits.Array[0, 80]).Sample((exponent, noise, values) =>
    {
        int[] sum = [5, .. new int[values.Length], 6];
        ulong hash = NarrowCodec.Encode(values, exponent, noise, Hash.Key(3, exponent), sum.AsSpan(1, values.Length), adds: false);
        Assert.Equal((5, 6), (sum[0], sum[^1]));
        Assert.Equal(SlotHash.Of(sum.AsSpan(1, values.Length), Hash.Key(3, exponent), out _, out _), hash);
    }, iter: 2000);

    [Fact]
    public void Zeros_and_denormal_numbers_are_zero_whatever_the_noise() => Gen.Select(Noise, Gen.OneOf(0f, -0f, float.Epsilon, -float.Epsilon, BitConverter.Int32BitsToSingle(0x007F_FFFF)).Array[1, 40]).Sample((noise, values) =>
    {
        int[] sum = [.. Enumerable.Repeat(3, values.Length)];
        NarrowCodec.Encode(values, BlockExponent.Floor, noise, Hash.Key(0, BlockExponent.Floor), sum, adds: true);
        Assert.All(sum, q => Assert.Equal(3, q));
    });

    [Theory]
    [InlineData(ContributionFormat.MostSlots)]
    [InlineData(1000)]
    public void All_slots_at_their_limit_do_not_wrap(int slots)
    {
        foreach (float sign in new[] { 1f, -1f })
        {
            var sum = new int[20];
            for (int slot = 0; slot < slots; slot++)
            {
                NarrowCodec.Encode([.. Enumerable.Repeat(sign * 8, 20)], 3, RoundingNoise.Of(RoundingNoise.KeyOf(1, 2, slot), 0), Hash.Key(0, 3), sum, adds: true);
            }

            Assert.All(sum, q => Assert.Equal((long)sign * slots << 14, q));
        }
    }

    [Fact]
    public void On_average_nothing_is_lost_by_rounding()
    {
        // A sixteenth of a unit and other parts of one, by a hundred thousand slots: the mean is within five of its deviations.
        float[] values = [.. Enumerable.Range(-24, 49).Select(i => i / 16f)];
        const int Slots = 100_000;
        var sum = new int[values.Length];
        for (int slot = 0; slot < Slots; slot++)
        {
            NarrowCodec.Encode(values, 14, RoundingNoise.Of(RoundingNoise.KeyOf(9, 4, slot), 17), Hash.Key(0, 14), sum, adds: true);
        }

        for (int i = 0; i < values.Length; i++)
        {
            double part = values[i] - Math.Floor(values[i]);
            Assert.InRange((sum[i] / (double)Slots) - values[i], -5 * Math.Sqrt(part * (1 - part) / Slots), 5 * Math.Sqrt(part * (1 - part) / Slots));
        }
    }

    [Fact]
    public void Noise_is_even_and_knows_nothing_of_its_neighbours()
    {
        const int Elements = 4096, Blocks = 64;
        int[] seen = new int[256];
        double[] products = new double[4];
        for (int block = 0; block < Blocks; block++)
        {
            RoundingNoise noise = RoundingNoise.Of(RoundingNoise.KeyOf(3, 5, 1), block);
            RoundingNoise next = RoundingNoise.Of(RoundingNoise.KeyOf(3, 5, 1), block + 1);
            RoundingNoise other = RoundingNoise.Of(RoundingNoise.KeyOf(3, 5, 2), block);
            RoundingNoise later = RoundingNoise.Of(RoundingNoise.KeyOf(3, 6, 1), block);
            for (int i = 0; i < Elements; i++)
            {
                Assert.InRange(noise.At(i), 0, (1 << RoundingNoise.Bits) - 1);
                seen[noise.At(i) >> 8]++;
                double own = Centred(noise.At(i));
                products[0] += own * Centred(noise.At(i + 1));
                products[1] += own * Centred(next.At(i));
                products[2] += own * Centred(other.At(i));
                products[3] += own * Centred(later.At(i));
            }
        }

        const double Expected = Elements * Blocks / 256.0;
        double chiSquare = seen.Sum(n => (n - Expected) * (n - Expected) / Expected);
        // 255 degrees of freedom: mean 255, deviation 22.6.
        Assert.InRange(chiSquare, 255 - (5 * 22.6), 255 + (5 * 22.6));
        // Of the product of two even numbers between −½ and ½: deviation 1/12.
        Assert.All(products, sum => Assert.InRange(sum, -5 * Math.Sqrt(Elements * Blocks) / 12, 5 * Math.Sqrt(Elements * Blocks) / 12));

        static double Centred(int noise) => ((noise + 0.5) / (1 << RoundingNoise.Bits)) - 0.5;
    }

    /// <summary>Values at the edge of what fits, around whole numbers and between them, tiny.</summary>
    private static Gen<float> Values(short exponent)
    {
        float edge = exponent == BlockExponent.Ceiling ? float.MaxValue : MathF.ScaleB(1, exponent);
        return Gen.Frequency(
            (40, Gen.Float[-1, 1].Select(unit => MathF.ScaleB(unit, Math.Min((int)exponent, 126)))),
            (10, Gen.Int[-4000, 4000].Select(half => MathF.ScaleB(half / 2f, exponent - 14))),
            (2, Gen.OneOf(1, -1).Select(sign => sign * edge)),
            (1, Floats.AnyBits),
            (1, Gen.OneOf(0f, -0f, float.Epsilon))).Select(value => Math.Abs(value) <= edge ? value : 0);
    }

    /// <summary>What the codec's summary says, in float64 and whole numbers, one value at a time.</summary>
    private static int[] Reference(float[] values, short exponent, RoundingNoise noise) =>
        [.. values.Select((value, i) => (int)Math.Floor((Math.Round(value * Math.ScaleB(1.0, 30 - exponent), MidpointRounding.ToEven) + NoiseOf((uint)i, (uint)noise.A, (uint)noise.B)) / 65_536))];

    private static uint NoiseOf(uint element, uint a, uint b)
    {
        unchecked
        {
            uint x = (element * 0x9E37_79B9) + a;
            x ^= x >> 16;
            x *= 0x85EB_CA6B;
            x += b;
            x ^= x >> 13;
            x *= 0xC2B2_AE35;
            return x >> 16;
        }
    }

    private sealed record Encoding(float[] Values, short Exponent, RoundingNoise Noise, int[] Before, bool Adds) : IWidthCase
    {
        public string Run<TLanes, TF, TI, TL>()
            where TLanes : struct, ILanes<TF, TI, TL>
            where TF : struct
            where TI : struct
            where TL : struct
        {
            SlotHashKey key = Hash.Key(2, Exponent);
            int[] sum = Before[..Values.Length];
            ulong hash = NarrowKernels<TLanes, TF, TI, TL>.Encode(Values, MathF.ScaleB(1, 30 - Exponent), Noise, key.Factors, key.Salt, sum, Adds);
            return $"{hash} | {string.Join(' ', sum)}";
        }
    }
}
