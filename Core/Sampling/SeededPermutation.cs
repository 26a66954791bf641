using System.Numerics;

namespace Lockstep.Core.Sampling;

/// <summary>A permutation of 0 … count − 1 that can be indexed anywhere without a table: a Feistel network on the next power of four, walked until it lands inside.</summary>
public readonly struct SeededPermutation
{
    private const int Rounds = 6;

    private readonly ulong _count;
    private readonly ulong _seed;
    private readonly int _half;

    /// <param name="count">1 to 2⁶².</param>
    public SeededPermutation(ulong count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 1UL << 62);
        _count = count;
        _seed = seed;
        int bits = count == 1 ? 1 : 64 - BitOperations.LeadingZeroCount(count - 1);
        _half = (bits + 1) / 2;
    }

    /// <summary>The element at a position.</summary>
    public ulong this[ulong index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, _count);
            // Below four steps on average: the domain is at most four times as large.
            do
            {
                index = Encipher(index);
            }
            while (index >= _count);
            return index;
        }
    }

    /// <summary>The position of an element: the inverse of the indexer.</summary>
    public ulong IndexOf(ulong element)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(element, _count);
        do
        {
            element = Decipher(element);
        }
        while (element >= _count);
        return element;
    }

    private ulong Decipher(ulong x)
    {
        ulong mask = (1UL << _half) - 1;
        ulong left = x >> _half;
        ulong right = x & mask;
        for (int round = Rounds - 1; round >= 0; round--)
        {
            (left, right) = (right ^ (CounterRandom.Key(_seed, (ulong)round, left) & mask), left);
        }

        return (left << _half) | right;
    }

    private ulong Encipher(ulong x)
    {
        ulong mask = (1UL << _half) - 1;
        ulong left = x >> _half;
        ulong right = x & mask;
        for (int round = 0; round < Rounds; round++)
        {
            (left, right) = (right, left ^ (CounterRandom.Key(_seed, (ulong)round, right) & mask));
        }

        return (left << _half) | right;
    }
}
