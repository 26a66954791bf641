using CsCheck;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Tests.Hashing;

public sealed class SlotHashTests
{
    private static readonly Gen<int> Block = Gen.OneOf(Gen.Int[0, 100], Gen.Int[0, 1_000_000]);
    private static readonly Gen<short> Exponent = Gen.Short[-80, 128];

    [Fact]
    public void Equals_the_plain_sum_of_products() => Gen.Select(Gen.Int.Array[0, 70], Gen.ULong, Block, Exponent).Sample((values, seed, block, exponent) =>
    {
        SlotHashKey key = new SlotHash(seed).Key(block, exponent);
        ulong expected = 0;
        for (int i = 0; i < values.Length; i++)
        {
            int factor = key.Factors[i] ^ key.Salt;
            Assert.Equal(1, factor & 1);
            expected = unchecked(expected + (ulong)(values[i] * (long)factor));
        }

        Assert.Equal(expected, SlotHash.Of(values, key, out _, out _));
    }, iter: 2000);

    [Fact]
    public void The_hash_of_a_sum_is_the_sum_of_the_hashes() => Gen.Select(Gen.Int[-(1 << 27), 1 << 27].Array[33].Array[1, 8], Gen.ULong, Block, Exponent).Sample((slots, seed, block, exponent) =>
    {
        SlotHashKey key = new SlotHash(seed).Key(block, exponent);
        int[] sum = [.. Enumerable.Range(0, 33).Select(i => slots.Sum(s => s[i]))];
        ulong total = 0;
        foreach (int[] slot in slots)
        {
            total = unchecked(total + SlotHash.Of(slot, key, out _, out _));
        }

        Assert.Equal(total, SlotHash.Of(sum, key, out _, out _));
    }, iter: 1000);

    [Fact]
    public void A_single_changed_element_always_shows() => Gen.Select(Gen.Int.Array[1, 40], Gen.ULong, Block, Gen.Int[0, 39], Gen.Int).Sample((values, seed, block, at, other) =>
    {
        int[] changed = [.. values];
        changed[at % values.Length] = other;
        SlotHashKey key = new SlotHash(seed).Key(block, 3);
        Assert.Equal(values.SequenceEqual(changed), SlotHash.Of(values, key, out _, out _) == SlotHash.Of(changed, key, out _, out _));
    }, iter: 2000);

    [Fact]
    public void Place_exponent_and_seed_count()
    {
        int[] values = [.. Enumerable.Range(1, 20)], swapped = [.. values];
        (swapped[3], swapped[11]) = (swapped[11], swapped[3]);
        ulong[] hashes = [Of(values, 1, 0, 0), Of(swapped, 1, 0, 0), Of(values, 2, 0, 0), Of(values, 1, 1, 0), Of(values, 1, 0, 8), Of(values, 1, 0, -8)];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());

        var hash = new SlotHash(1);
        ulong[] exponents = [.. Enumerable.Range(0, 3).SelectMany(block => Enumerable.Range(0, 210).Select(code => hash.OfExponent(block, (byte)code)))];
        Assert.Equal(exponents.Length, exponents.Distinct().Count());

        static ulong Of(int[] integers, ulong seed, int block, short exponent) => SlotHash.Of(integers, new SlotHash(seed).Key(block, exponent), out _, out _);
    }
}
