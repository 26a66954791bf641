using CsCheck;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Tests.Hashing;

public sealed class SlotHashTests
{
    private static readonly Gen<long> Offset = Gen.OneOf(Gen.Long[0, 10_000], Gen.Long[int.MaxValue - 100L, int.MaxValue]);

    [Fact]
    public void Equals_the_plain_sum_of_products() => Gen.Select(Gen.Int.Array[0, 70], Gen.ULong, Offset).Sample((values, seed, offset) =>
    {
        ulong expected = 0;
        for (int i = 0; i < values.Length; i++)
        {
            expected = unchecked(expected + (ulong)(values[i] * (long)Factor(seed, offset + i)));
        }

        Assert.Equal(expected, SlotHash.Of(values, seed, offset));
    }, iter: 5000);

    [Fact]
    public void The_hash_of_a_sum_is_the_sum_of_the_hashes() => Gen.Select(Gen.Int[-(1 << 27), 1 << 27].Array[33].Array[1, 8], Gen.ULong, Offset).Sample((slots, seed, offset) =>
    {
        int[] sum = [.. Enumerable.Range(0, 33).Select(i => slots.Sum(s => s[i]))];
        Assert.Equal(slots.Aggregate(0UL, (total, slot) => unchecked(total + SlotHash.Of(slot, seed, offset))), SlotHash.Of(sum, seed, offset));
    }, iter: 1000);

    [Fact]
    public void Parts_of_a_model_add_up_to_the_whole() => Gen.Select(Gen.Int.Array[1, 70], Gen.ULong, Offset, Gen.Int[0, 69]).Sample((values, seed, offset, cut) =>
    {
        int at = cut % values.Length;
        Assert.Equal(SlotHash.Of(values, seed, offset), unchecked(SlotHash.Of(values.AsSpan(0, at), seed, offset) + SlotHash.Of(values.AsSpan(at), seed, offset + at)));
    }, iter: 1000);

    [Fact]
    public void A_single_changed_element_always_shows() => Gen.Select(Gen.Int.Array[1, 40], Gen.ULong, Offset, Gen.Int[0, 39], Gen.Int).Sample((values, seed, offset, at, other) =>
    {
        int[] changed = [.. values];
        changed[at % values.Length] = other;
        Assert.Equal(values.SequenceEqual(changed), SlotHash.Of(values, seed, offset) == SlotHash.Of(changed, seed, offset));
    }, iter: 2000);

    [Fact]
    public void Elements_that_change_places_show()
    {
        int[] values = [.. Enumerable.Range(1, 20)], swapped = [.. values];
        (swapped[3], swapped[11]) = (swapped[11], swapped[3]);
        Assert.NotEqual(SlotHash.Of(values, 1, 0), SlotHash.Of(swapped, 1, 0));
        Assert.NotEqual(SlotHash.Of(values, 1, 0), SlotHash.Of(values, 2, 0));
        Assert.NotEqual(SlotHash.Of(values, 1, 0), SlotHash.Of(values, 1, 1));
    }

    /// <summary>The factor of an element, one at a time: odd, 32 bits, signed.</summary>
    private static int Factor(ulong seed, long place)
    {
        unchecked
        {
            uint r = ((uint)place * 0x9E3779B1u) + (uint)(seed ^ (seed >> 32));
            r = (r ^ (r >> 15)) * 0x85EBCA77u;
            return (int)((r ^ (r >> 13)) | 1);
        }
    }
}
