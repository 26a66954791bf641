using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lockstep.Core.Codec;

/// <summary>
/// Writes past the processor's caches. A plain write to memory that is in no cache reads it first, and evicts what others need; for arrays far larger than the caches that is about a quarter of a step's traffic.
/// </summary>
internal static class StreamingCopy
{
    /// <summary>Bytes. Smaller arrays stay in the caches in part, where their reader finds them: 64 MB gain by this, 23 MB do not.</summary>
    private const long LeastBytes = 48 << 20;

    /// <summary>Whether an array of so many numbers of 32 bits is written faster past the caches.</summary>
    public static bool Suits(int elements) => Vector256.IsHardwareAccelerated && Sse.IsSupported && elements * (long)sizeof(int) >= LeastBytes;

    /// <summary>Copies; what was copied can be read by others after <see cref="Finish"/>.</summary>
    /// <param name="to">Of the same length, and not overlapping.</param>
    // Vector code is never compiled ahead, and its quick form is slow: in full at the first call.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Copy<T>(ReadOnlySpan<T> from, Span<T> to) where T : unmanaged
    {
        to = to[..from.Length];
        fixed (T* source = from, target = to)
        {
            // Up to the first whole line.
            int i = (int)Math.Min(from.Length, (-(nint)target & (Vector512<byte>.Count - 1)) / sizeof(T));
            from[..i].CopyTo(to);
            if (Vector512.IsHardwareAccelerated)
            {
                for (; i <= from.Length - Vector512<T>.Count; i += Vector512<T>.Count)
                {
                    Vector512.StoreAlignedNonTemporal(Vector512.Load(source + i), target + i);
                }
            }
            else
            {
                for (; i <= from.Length - Vector256<T>.Count; i += Vector256<T>.Count)
                {
                    Vector256.StoreAlignedNonTemporal(Vector256.Load(source + i), target + i);
                }
            }

            from[i..].CopyTo(to[i..]);
        }
    }

    /// <summary>What was copied on this thread comes before all that it writes from here on.</summary>
    public static void Finish()
    {
        if (Sse.IsSupported)
        {
            Sse.StoreFence();
        }
    }
}
