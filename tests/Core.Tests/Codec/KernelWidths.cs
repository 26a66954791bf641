using System.Globalization;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Tests.Codec;

/// <summary>All kernels at one vector width.</summary>
internal static class KernelWidths
{
    /// <returns>All that came out, to the bit.</returns>
    public static string Run<TLanes, TF, TI, TL>(float[] values, int[] before, short exponent, int slots)
        where TLanes : struct, ILanes<TF, TI, TL>
        where TF : struct
        where TI : struct
        where TL : struct
    {
        SlotHashKey key = new SlotHash(11).Key(2, exponent);
        float scale = MathF.ScaleB(1, BlockCodec.Bits(slots) - exponent);
        int magnitude = BlockKernels<TLanes, TF, TI, TL>.Magnitude(values);
        int[] added = before[..values.Length];
        int[] written = before[..values.Length];
        ulong first = BlockKernels<TLanes, TF, TI, TL>.Encode(values, scale, key.Factors, key.Salt, added, adds: true);
        ulong second = BlockKernels<TLanes, TF, TI, TL>.Encode(values, scale, key.Factors, key.Salt, written, adds: false);
        ulong hash = BlockKernels<TLanes, TF, TI, TL>.Hash(written, key.Factors, key.Salt, out int least, out int most);
        Assert.Equal((first, second), (hash, hash));
        ulong whole = BlockKernels<TLanes, TF, TI, TL>.Hash(before, key.Factors, key.Salt, out int lower, out int upper);
        var decoded = new float[before.Length];
        BlockKernels<TLanes, TF, TI, TL>.Decode(before, 1 / scale, decoded);
        return string.Create(CultureInfo.InvariantCulture, $"{magnitude} {hash} {least} {most} {whole} {lower} {upper} | {string.Join(' ', added)} | {string.Join(' ', written)} | {string.Join(' ', Floats.Bits(decoded))}");
    }
}
