using System.Numerics;

namespace Lockstep.Core.Protocol;

/// <summary>A set of slots out of 0 … M − 1, as a bitmap.</summary>
public sealed class SlotSet
{
    private readonly ulong[] _words;

    /// <param name="slots">M, at least 1.</param>
    public SlotSet(int slots)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 1);
        Slots = slots;
        _words = new ulong[(slots + 63) / 64];
    }

    /// <exception cref="ArgumentOutOfRangeException">A member is outside 0 … slots − 1.</exception>
    public SlotSet(int slots, IEnumerable<int> members) : this(slots)
    {
        foreach (var slot in members)
        {
            Add(slot);
        }
    }

    /// <value>M.</value>
    public int Slots { get; }

    public int Count
    {
        get
        {
            int count = 0;
            foreach (ulong word in _words)
            {
                count += BitOperations.PopCount(word);
            }

            return count;
        }
    }

    public bool IsFull => Count == Slots;

    public bool Contains(int slot) => slot >= 0 && slot < Slots && (_words[slot >> 6] >> (slot & 63) & 1) != 0;

    /// <returns>Whether the slot was not in before.</returns>
    public bool Add(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, Slots);
        var bit = 1UL << (slot & 63);
        var isNew = (_words[slot >> 6] & bit) == 0;
        _words[slot >> 6] |= bit;
        return isNew;
    }

    public void UnionWith(SlotSet other)
    {
        for (var i = 0; i < _words.Length; i++)
        {
            _words[i] |= other._words[i];
        }
    }

    public bool IsDisjointFrom(SlotSet other)
    {
        for (var i = 0; i < _words.Length; i++)
        {
            if ((_words[i] & other._words[i]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    public bool IsSubsetOf(SlotSet other)
    {
        for (var i = 0; i < _words.Length; i++)
        {
            if ((_words[i] & ~other._words[i]) != 0)
            {
                return false;
            }
        }

        return true;
    }

    public void Clear() => Array.Clear(_words);

    /// <summary>Members, ascending.</summary>
    public IEnumerable<int> Members()
    {
        for (var i = 0; i < _words.Length; i++)
        {
            for (var word = _words[i]; word != 0; word &= word - 1)
            {
                yield return (i << 6) + BitOperations.TrailingZeroCount(word);
            }
        }
    }

    /// <summary>Slots that are not in, ascending.</summary>
    public IEnumerable<int> Missing() => Enumerable.Range(0, Slots).Where(slot => !Contains(slot));
}
