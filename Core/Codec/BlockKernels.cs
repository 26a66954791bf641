using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lockstep.Core.Codec;

/// <summary>The loops over a block's elements, at one vector width. What is left at the end goes one by one, with the same operations.</summary>
internal static class BlockKernels<TLanes, TF, TI, TL>
    where TLanes : struct, ILanes<TF, TI, TL>
    where TF : struct
    where TI : struct
    where TL : struct
{
    private const int Magnitudes = int.MaxValue;

    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Magnitude(ReadOnlySpan<float> values)
    {
        ref float from = ref MemoryMarshal.GetReference(values);
        int most = 0;
        int i = 0;
        if (values.Length >= 2 * TLanes.Count)
        {
            // Two at a time: a maximum waits for the one before.
            TI mask = TLanes.Integers(Magnitudes);
            TI first = TLanes.Integers(0);
            TI second = first;
            for (; i <= values.Length - (2 * TLanes.Count); i += 2 * TLanes.Count)
            {
                first = TLanes.Max(first, TLanes.And(TLanes.Bits(TLanes.Floats(ref Unsafe.Add(ref from, i))), mask));
                second = TLanes.Max(second, TLanes.And(TLanes.Bits(TLanes.Floats(ref Unsafe.Add(ref from, i + TLanes.Count))), mask));
            }

            Span<int> lanes = stackalloc int[TLanes.Count];
            TLanes.Store(TLanes.Max(first, second), ref MemoryMarshal.GetReference(lanes));
            foreach (int lane in lanes)
            {
                most = Math.Max(most, lane);
            }
        }

        for (; i < values.Length; i++)
        {
            most = Math.Max(most, BitConverter.SingleToInt32Bits(Unsafe.Add(ref from, i)) & Magnitudes);
        }

        return most;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong Encode(ReadOnlySpan<float> values, float scale, ReadOnlySpan<int> factors, int salt, Span<int> sum, bool adds)
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
            TL products = default;
            if (adds)
            {
                for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
                {
                    TI q = TLanes.Integers(TLanes.Multiply(TLanes.Floats(ref Unsafe.Add(ref from, i)), scales));
                    TLanes.Store(TLanes.Add(TLanes.Integers(ref Unsafe.Add(ref to, i)), q), ref Unsafe.Add(ref to, i));
                    products = TLanes.AddProducts(products, q, TLanes.Xor(TLanes.Integers(ref Unsafe.Add(ref factor, i)), salts));
                }
            }
            else
            {
                for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
                {
                    TI q = TLanes.Integers(TLanes.Multiply(TLanes.Floats(ref Unsafe.Add(ref from, i)), scales));
                    TLanes.Store(q, ref Unsafe.Add(ref to, i));
                    products = TLanes.AddProducts(products, q, TLanes.Xor(TLanes.Integers(ref Unsafe.Add(ref factor, i)), salts));
                }
            }

            hash = TLanes.Sum(products);
        }

        for (; i < values.Length; i++)
        {
            int q = (int)MathF.Round(Unsafe.Add(ref from, i) * scale);
            Unsafe.Add(ref to, i) = adds ? Unsafe.Add(ref to, i) + q : q;
            hash += (ulong)(q * (long)(Unsafe.Add(ref factor, i) ^ salt));
        }

        return hash;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong Hash(ReadOnlySpan<int> integers, ReadOnlySpan<int> factors, int salt, out int least, out int most)
    {
        ref int from = ref MemoryMarshal.GetReference(integers);
        ref int factor = ref MemoryMarshal.GetReference(factors);
        ulong hash = 0;
        (least, most) = (0, 0);
        int i = 0;
        if (integers.Length >= TLanes.Count)
        {
            TI salts = TLanes.Integers(salt);
            TI low = TLanes.Integers(0);
            TI high = low;
            TL products = default;
            for (; i <= integers.Length - TLanes.Count; i += TLanes.Count)
            {
                TI q = TLanes.Integers(ref Unsafe.Add(ref from, i));
                low = TLanes.Min(low, q);
                high = TLanes.Max(high, q);
                products = TLanes.AddProducts(products, q, TLanes.Xor(TLanes.Integers(ref Unsafe.Add(ref factor, i)), salts));
            }

            hash = TLanes.Sum(products);
            Span<int> lanes = stackalloc int[TLanes.Count];
            TLanes.Store(low, ref MemoryMarshal.GetReference(lanes));
            foreach (int lane in lanes)
            {
                least = Math.Min(least, lane);
            }

            TLanes.Store(high, ref MemoryMarshal.GetReference(lanes));
            foreach (int lane in lanes)
            {
                most = Math.Max(most, lane);
            }
        }

        for (; i < integers.Length; i++)
        {
            int q = Unsafe.Add(ref from, i);
            (least, most) = (Math.Min(least, q), Math.Max(most, q));
            hash += (ulong)(q * (long)(Unsafe.Add(ref factor, i) ^ salt));
        }

        return hash;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Decode(ReadOnlySpan<int> sum, float factor, Span<float> values)
    {
        ref int from = ref MemoryMarshal.GetReference(sum);
        ref float to = ref MemoryMarshal.GetReference(values);
        int i = 0;
        TF factors = TLanes.Floats(factor);
        for (; i <= sum.Length - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(TLanes.Multiply(TLanes.Floats(TLanes.Integers(ref Unsafe.Add(ref from, i))), factors), ref Unsafe.Add(ref to, i));
        }

        for (; i < sum.Length; i++)
        {
            Unsafe.Add(ref to, i) = Unsafe.Add(ref from, i) * factor;
        }
    }
}
