using System.IO.Hashing;
using System.Runtime.InteropServices;
using Lockstep.Core.Codec;
using Lockstep.Core.Metrics;

namespace Lockstep.Core.Hashing;

/// <summary>The ledger's hashes: one a block over parameters, optimizer state, hint and moving average, and one over those in global block order, so that the number of shards does not show.</summary>
public static class StateHash
{
    [ThreadStatic]
    private static XxHash128? s_hasher;

    /// <summary>128-bit hash of a block at one version.</summary>
    /// <param name="state1">As long as the values, or empty where the optimizer keeps none.</param>
    /// <param name="average">As long as the values, or empty where none is kept.</param>
    public static UInt128 Block(ReadOnlySpan<float> values, ReadOnlySpan<float> state1, ReadOnlySpan<float> state2, BlockHint hint, ReadOnlySpan<float> average = default)
    {
        XxHash128 hasher = s_hasher ??= new XxHash128();
        hasher.Reset();
        hasher.Append(MemoryMarshal.AsBytes(values));
        hasher.Append(MemoryMarshal.AsBytes(state1));
        hasher.Append(MemoryMarshal.AsBytes(state2));
        hasher.Append(MemoryMarshal.AsBytes(new ReadOnlySpan<BlockHint>(in hint)));
        hasher.Append(MemoryMarshal.AsBytes(average));
        return hasher.GetCurrentHashAsUInt128();
    }

    /// <summary>Hash over the whole state: the hashes of all blocks of the model, in order, and, where the job keeps it, what is best of its evaluations.</summary>
    /// <param name="pieces">Cut anywhere.</param>
    /// <param name="best">Null: the job keeps its last version.</param>
    public static UInt128 Of(IEnumerable<UInt128[]> pieces, BestState? best)
    {
        XxHash128 hasher = s_hasher ??= new XxHash128();
        hasher.Reset();
        foreach (UInt128[] blocks in pieces)
        {
            hasher.Append(MemoryMarshal.AsBytes(blocks.AsSpan()));
        }

        if (best is not null)
        {
            UInt128 hash = best.Hash();
            hasher.Append(MemoryMarshal.AsBytes(new ReadOnlySpan<UInt128>(in hash)));
        }

        return hasher.GetCurrentHashAsUInt128();
    }

    /// <summary>32 hexadecimal digits.</summary>
    public static string ToHex(UInt128 hash) => hash.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);
}
