using System.Runtime.InteropServices;
using Kernels128 = Lockstep.Core.Codec.BFloat16Kernels<Lockstep.Core.Codec.Lanes128, System.Runtime.Intrinsics.Vector128<float>, System.Runtime.Intrinsics.Vector128<int>, System.Runtime.Intrinsics.Vector128<long>>;
using Kernels256 = Lockstep.Core.Codec.BFloat16Kernels<Lockstep.Core.Codec.Lanes256, System.Runtime.Intrinsics.Vector256<float>, System.Runtime.Intrinsics.Vector256<int>, System.Runtime.Intrinsics.Vector256<long>>;
using Kernels512 = Lockstep.Core.Codec.BFloat16Kernels<Lockstep.Core.Codec.Lanes512, System.Runtime.Intrinsics.Vector512<float>, System.Runtime.Intrinsics.Vector512<int>, System.Runtime.Intrinsics.Vector512<long>>;

namespace Lockstep.Core.Codec;

/// <summary>
/// The upper half of a float32, rounded to nearest even. Denormal values are rounded as others are; a value beyond the largest becomes infinite, an infinite one stays so, and what is not a number stays none, quiet, with its sign and its upper bits.
/// All by whole numbers, element by element, so any vector width, and a process that flushes denormal values, gives the same bits.
/// </summary>
public static class BFloat16
{
    internal const int Infinity = 0x7F80_0000;
    internal const int Quiet = 0x0040_0000;
    internal const int Half = 0x7FFF;
    internal const int Upper = unchecked((int)0xFFFF_0000);
    internal const int Shift = 16;

    /// <summary>Rounds values to those that have 16 bits.</summary>
    /// <param name="rounded">[n] overwritten; may be the same memory.</param>
    public static void Round(ReadOnlySpan<float> values, Span<float> rounded)
    {
        rounded = rounded[..values.Length];
        if (Lanes512.IsSupported)
        {
            Kernels512.Round(values, rounded);
        }
        else if (Lanes256.IsSupported)
        {
            Kernels256.Round(values, rounded);
        }
        else
        {
            Kernels128.Round(values, rounded);
        }
    }

    /// <summary>Rounds values and gives the 16 bits of each, little-endian.</summary>
    /// <param name="halves">[2n] overwritten.</param>
    public static void Narrow(ReadOnlySpan<float> values, Span<byte> halves)
    {
        Span<ushort> to = MemoryMarshal.Cast<byte, ushort>(halves)[..values.Length];
        if (Lanes512.IsSupported)
        {
            Kernels512.Narrow(values, to);
        }
        else if (Lanes256.IsSupported)
        {
            Kernels256.Narrow(values, to);
        }
        else
        {
            Kernels128.Narrow(values, to);
        }
    }

    /// <summary>The values of 16 bits each, which is exact.</summary>
    /// <param name="halves">[2n], little-endian.</param>
    /// <param name="values">[n] overwritten.</param>
    public static void Widen(ReadOnlySpan<byte> halves, Span<float> values)
    {
        ReadOnlySpan<ushort> from = MemoryMarshal.Cast<byte, ushort>(halves)[..values.Length];
        if (Lanes512.IsSupported)
        {
            Kernels512.Widen(from, values);
        }
        else if (Lanes256.IsSupported)
        {
            Kernels256.Widen(from, values);
        }
        else
        {
            Kernels128.Widen(from, values);
        }
    }
}
