using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lockstep.Core.Hashing;

/// <summary>
/// A linear hash of a slot's integers: Σ qᵢ · rᵢ mod 2⁶⁴ with odd 32-bit rᵢ that follow from the seed and the element's place in the model.
/// The hash of a sum is the sum of the hashes, and a single changed element always shows.
/// </summary>
public static class SlotHash
{
    /// <param name="quantized">A chunk's integers.</param>
    /// <param name="elementOffset">Place of the first one in the flat model vector.</param>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong Of(ReadOnlySpan<int> quantized, ulong seed, long elementOffset)
    {
        uint salt = (uint)(seed ^ (seed >> 32));
        ulong hash = 0;
        int done = 0;
        if (Avx2.IsSupported)
        {
            ReadOnlySpan<Vector256<int>> vectors = MemoryMarshal.Cast<int, Vector256<int>>(quantized);
            Vector256<uint> index = Vector256.Create((uint)elementOffset) + Vector256<uint>.Indices;
            Vector256<uint> eight = Vector256.Create(8u);
            Vector256<uint> salts = Vector256.Create(salt);
            Vector256<uint> first = Vector256.Create(0x9E3779B1u);
            Vector256<uint> second = Vector256.Create(0x85EBCA77u);
            Vector256<long> sum = Vector256<long>.Zero;
            for (int i = 0; i < vectors.Length; i++)
            {
                Vector256<uint> r = (index * first) + salts;
                r ^= r >>> 15;
                r *= second;
                r ^= r >>> 13;
                r |= Vector256<uint>.One;
                Vector256<int> factors = r.AsInt32();
                sum += Avx2.Multiply(vectors[i], factors);
                sum += Avx2.Multiply((vectors[i].AsInt64() >>> 32).AsInt32(), (factors.AsInt64() >>> 32).AsInt32());
                index += eight;
            }

            hash = (ulong)Vector256.Sum(sum);
            done = vectors.Length * Vector256<int>.Count;
        }

        for (int i = done; i < quantized.Length; i++)
        {
            hash += (ulong)(quantized[i] * (long)Factor((uint)(elementOffset + i), salt));
        }

        return hash;
    }

    private static int Factor(uint index, uint salt)
    {
        uint r = (index * 0x9E3779B1u) + salt;
        r ^= r >>> 15;
        r *= 0x85EBCA77u;
        r ^= r >>> 13;
        return (int)(r | 1);
    }
}
