using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lockstep.Core.Codec;

/// <summary>The loop of <see cref="NarrowCodec"/> at one vector width. What is left at the end goes one by one, with the same operations.</summary>
internal static class NarrowKernels<TLanes, TF, TI, TL>
    where TLanes : struct, ILanes<TF, TI, TL>
    where TF : struct
    where TI : struct
    where TL : struct
{
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong Encode(ReadOnlySpan<float> values, float scale, RoundingNoise noise, ReadOnlySpan<int> factors, int salt, Span<int> sum, bool adds)
    {
        ref float from = ref MemoryMarshal.GetReference(values);
        ref int to = ref MemoryMarshal.GetReference(sum);
        ref int factor = ref MemoryMarshal.GetReference(factors);
        ulong hash = 0;
        int i = 0;
        if (values.Length >= TLanes.Count)
        {
            TF scales = TLanes.Floats(scale);
            TI salts = TLanes.Integers(salt);
            TI place = Places(noise.A);
            TI step = TLanes.Integers(unchecked(TLanes.Count * RoundingNoise.Stride));
            TI second = TLanes.Integers(noise.B);
            TI firstFactor = TLanes.Integers(RoundingNoise.FirstFactor);
            TI secondFactor = TLanes.Integers(RoundingNoise.SecondFactor);
            TL products = default;
            for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            {
                TI x = TLanes.Add(TLanes.MultiplyLow(TLanes.Xor(place, TLanes.ShiftRightUnsigned(place, RoundingNoise.FirstShift)), firstFactor), second);
                x = TLanes.ShiftRightUnsigned(TLanes.MultiplyLow(TLanes.Xor(x, TLanes.ShiftRightUnsigned(x, RoundingNoise.SecondShift)), secondFactor), 32 - RoundingNoise.Bits);
                TI fine = TLanes.Integers(TLanes.Multiply(TLanes.Floats(ref Unsafe.Add(ref from, i)), scales));
                TI q = TLanes.ShiftRight(TLanes.Add(fine, x), RoundingNoise.Bits);
                TLanes.Store(adds ? TLanes.Add(TLanes.Integers(ref Unsafe.Add(ref to, i)), q) : q, ref Unsafe.Add(ref to, i));
                products = TLanes.AddProducts(products, q, TLanes.Xor(TLanes.Integers(ref Unsafe.Add(ref factor, i)), salts));
                place = TLanes.Add(place, step);
            }

            hash = TLanes.Sum(products);
        }

        for (; i < values.Length; i++)
        {
            int q = ((int)MathF.Round(Unsafe.Add(ref from, i) * scale) + noise.At(i)) >> RoundingNoise.Bits;
            Unsafe.Add(ref to, i) = adds ? Unsafe.Add(ref to, i) + q : q;
            hash += (ulong)(q * (long)(Unsafe.Add(ref factor, i) ^ salt));
        }

        return hash;
    }

    /// <summary>Where the first elements' noise begins.</summary>
    private static TI Places(int first)
    {
        Span<int> lanes = stackalloc int[TLanes.Count];
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            lanes[lane] = unchecked((lane * RoundingNoise.Stride) + first);
        }

        return TLanes.Integers(ref MemoryMarshal.GetReference(lanes));
    }
}
