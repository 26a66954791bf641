using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lockstep.Core.Codec;

/// <summary>The loops of <see cref="BFloat16"/> at one vector width. What is left at the end goes one by one, with the same operations.</summary>
internal static class BFloat16Kernels<TLanes, TF, TI, TL>
    where TLanes : struct, ILanes<TF, TI, TL>
    where TF : struct
    where TI : struct
    where TL : struct
{
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(ReadOnlySpan<float> values, Span<float> rounded)
    {
        ref float from = ref MemoryMarshal.GetReference(values);
        ref float to = ref MemoryMarshal.GetReference(rounded);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(TLanes.FloatsOf(Rounded(TLanes.Bits(TLanes.Floats(ref Unsafe.Add(ref from, i))))), ref Unsafe.Add(ref to, i));
        }

        for (; i < values.Length; i++)
        {
            Unsafe.Add(ref to, i) = BitConverter.Int32BitsToSingle(Rounded(BitConverter.SingleToInt32Bits(Unsafe.Add(ref from, i))));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(ReadOnlySpan<float> values, Span<ushort> halves)
    {
        ref float from = ref MemoryMarshal.GetReference(values);
        ref ushort to = ref MemoryMarshal.GetReference(halves);
        int i = 0;
        for (; i <= values.Length - (2 * TLanes.Count); i += 2 * TLanes.Count)
        {
            TI first = TLanes.ShiftRightUnsigned(Rounded(TLanes.Bits(TLanes.Floats(ref Unsafe.Add(ref from, i)))), BFloat16.Shift);
            TI second = TLanes.ShiftRightUnsigned(Rounded(TLanes.Bits(TLanes.Floats(ref Unsafe.Add(ref from, i + TLanes.Count)))), BFloat16.Shift);
            TLanes.StoreHalves(first, second, ref Unsafe.Add(ref to, i));
        }

        for (; i < values.Length; i++)
        {
            Unsafe.Add(ref to, i) = (ushort)(Rounded(BitConverter.SingleToInt32Bits(Unsafe.Add(ref from, i))) >>> BFloat16.Shift);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ReadOnlySpan<ushort> halves, Span<float> values)
    {
        ref ushort from = ref MemoryMarshal.GetReference(halves);
        ref float to = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i <= halves.Length - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(TLanes.FloatsOf(TLanes.ShiftLeft(TLanes.Halves(ref Unsafe.Add(ref from, i)), BFloat16.Shift)), ref Unsafe.Add(ref to, i));
        }

        for (; i < halves.Length; i++)
        {
            Unsafe.Add(ref to, i) = BitConverter.Int32BitsToSingle(Unsafe.Add(ref from, i) << BFloat16.Shift);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TI Rounded(TI bits)
    {
        TI odd = TLanes.And(TLanes.ShiftRightUnsigned(bits, BFloat16.Shift), TLanes.Integers(1));
        TI nearest = TLanes.Add(TLanes.Add(bits, TLanes.Integers(BFloat16.Half)), odd);
        TI isNone = TLanes.GreaterThan(TLanes.And(bits, TLanes.Integers(int.MaxValue)), TLanes.Integers(BFloat16.Infinity));
        return TLanes.And(TLanes.Select(isNone, TLanes.Or(bits, TLanes.Integers(BFloat16.Quiet)), nearest), TLanes.Integers(BFloat16.Upper));
    }

    private static int Rounded(int bits)
    {
        if ((bits & int.MaxValue) > BFloat16.Infinity)
        {
            return (bits | BFloat16.Quiet) & BFloat16.Upper;
        }

        return unchecked(bits + BFloat16.Half + ((bits >>> BFloat16.Shift) & 1)) & BFloat16.Upper;
    }
}
