using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lockstep.Core.Codec;

/// <summary>The loops of <see cref="IntegerPacking"/> at one vector width: a vector works through as many columns as it has lanes.</summary>
internal static class PackingKernels<TLanes, TF, TI, TL>
    where TLanes : struct, ILanes<TF, TI, TL>
    where TF : struct
    where TI : struct
    where TL : struct
{
    private const int Columns = IntegerPacking.Columns;
    private const int WordBits = 32;

    /// <summary>The bits that any integer has beside those that its sign fills up.</summary>
    /// <param name="any">Not 0 where any integer is not.</param>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Either(ReadOnlySpan<int> integers, out int any)
    {
        ref int from = ref MemoryMarshal.GetReference(integers);
        int bits = 0;
        any = 0;
        int i = 0;
        if (integers.Length >= TLanes.Count)
        {
            TI all = TLanes.Integers(0);
            TI own = all;
            for (; i <= integers.Length - TLanes.Count; i += TLanes.Count)
            {
                TI q = TLanes.Integers(ref Unsafe.Add(ref from, i));
                all = TLanes.Or(all, q);
                own = TLanes.Or(own, TLanes.Xor(q, TLanes.ShiftRight(q, WordBits - 1)));
            }

            Span<int> lanes = stackalloc int[TLanes.Count];
            TLanes.Store(all, ref MemoryMarshal.GetReference(lanes));
            foreach (int lane in lanes)
            {
                any |= lane;
            }

            TLanes.Store(own, ref MemoryMarshal.GetReference(lanes));
            foreach (int lane in lanes)
            {
                bits |= lane;
            }
        }

        for (; i < integers.Length; i++)
        {
            int q = Unsafe.Add(ref from, i);
            any |= q;
            bits |= q ^ (q >> (WordBits - 1));
        }

        return (uint)bits;
    }

    /// <param name="rows">Whole rows.</param>
    /// <param name="width">1 to 31.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(ReadOnlySpan<int> rows, int width, Span<int> words)
    {
        TI mask = TLanes.Integers((1 << width) - 1);
        for (int column = 0; column < Columns; column += TLanes.Count)
        {
            ref int from = ref Unsafe.Add(ref MemoryMarshal.GetReference(rows), column);
            ref int to = ref Unsafe.Add(ref MemoryMarshal.GetReference(words), column);
            TI word = TLanes.Integers(0);
            int used = 0;
            for (int at = 0; at < rows.Length; at += Columns)
            {
                TI q = TLanes.And(TLanes.Integers(ref Unsafe.Add(ref from, at)), mask);
                word = TLanes.Or(word, TLanes.ShiftLeft(q, used));
                used += width;
                if (used >= WordBits)
                {
                    TLanes.Store(word, ref to);
                    to = ref Unsafe.Add(ref to, Columns);
                    used -= WordBits;
                    word = TLanes.ShiftRightUnsigned(q, width - used);
                }
            }

            if (used > 0)
            {
                TLanes.Store(word, ref to);
            }
        }
    }

    /// <param name="width">1 to 31.</param>
    /// <param name="rows">Whole rows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(ReadOnlySpan<int> words, int width, Span<int> rows)
    {
        int rest = WordBits - width;
        for (int column = 0; column < Columns; column += TLanes.Count)
        {
            ref int from = ref Unsafe.Add(ref MemoryMarshal.GetReference(words), column);
            ref int to = ref Unsafe.Add(ref MemoryMarshal.GetReference(rows), column);
            TI word = TLanes.Integers(ref from);
            int used = 0;
            for (int at = 0; at < rows.Length; at += Columns)
            {
                TI q;
                if (used <= rest)
                {
                    q = TLanes.ShiftLeft(word, rest - used);
                    used += width;
                }
                else
                {
                    from = ref Unsafe.Add(ref from, Columns);
                    TI next = TLanes.Integers(ref from);
                    // It begins in this word, unless that is used up, and ends in the next.
                    q = TLanes.ShiftLeft(used == WordBits ? next : TLanes.Or(TLanes.ShiftRightUnsigned(word, used), TLanes.ShiftLeft(next, WordBits - used)), rest);
                    word = next;
                    used += width - WordBits;
                }

                TLanes.Store(TLanes.ShiftRight(q, rest), ref Unsafe.Add(ref to, at));
            }
        }
    }
}
