using Lockstep.Core.Codec;
using Lockstep.Core.Layout;
using Kernels128 = Lockstep.Core.Codec.BlockKernels<Lockstep.Core.Codec.Lanes128, System.Runtime.Intrinsics.Vector128<float>, System.Runtime.Intrinsics.Vector128<int>, System.Runtime.Intrinsics.Vector128<long>>;
using Kernels256 = Lockstep.Core.Codec.BlockKernels<Lockstep.Core.Codec.Lanes256, System.Runtime.Intrinsics.Vector256<float>, System.Runtime.Intrinsics.Vector256<int>, System.Runtime.Intrinsics.Vector256<long>>;
using Kernels512 = Lockstep.Core.Codec.BlockKernels<Lockstep.Core.Codec.Lanes512, System.Runtime.Intrinsics.Vector512<float>, System.Runtime.Intrinsics.Vector512<int>, System.Runtime.Intrinsics.Vector512<long>>;

namespace Lockstep.Core.Hashing;

/// <summary>The factors of a block's hash at one exponent: element i counts Factors[i] ^ Salt times, which is odd.</summary>
/// <param name="factors">At least as long as a block.</param>
public readonly ref struct SlotHashKey(ReadOnlySpan<int> factors, int salt)
{
    public ReadOnlySpan<int> Factors { get; } = factors;
    public int Salt { get; } = salt;
}

/// <summary>
/// A linear hash of what a slot brings to a chunk: Σ qᵢ · rᵢ mod 2⁶⁴ with odd 32-bit rᵢ that follow from the seed, the element's place in the model and the exponent that its integer stands at, and a number for each block's own exponent.
/// The hash of a sum is the sum of the hashes, and a single changed element always shows.
/// </summary>
public sealed class SlotHash
{
    private readonly int[] _factors = new int[ModelLayout.BlockElements];
    private readonly ulong _seed;

    public SlotHash(ulong seed)
    {
        _seed = seed;
        for (int i = 0; i < _factors.Length; i++)
        {
            _factors[i] = (int)Mix(seed + (ulong)i) | 1;
        }
    }

    /// <param name="block">Index in the model.</param>
    /// <param name="exponent">That the integers stand at.</param>
    public SlotHashKey Key(int block, short exponent) => new(_factors, (int)Mix(_seed ^ Place(block, (ushort)exponent)) & ~1);

    /// <summary>What a slot's exponent of a block adds to its hash.</summary>
    /// <param name="code">Of <see cref="BlockExponent"/>.</param>
    public ulong OfExponent(int block, byte code) => Mix(~_seed ^ Place(block, code));

    /// <summary>Hash of a block's integers at one exponent, of one slot or a sum over slots.</summary>
    /// <param name="least">The smallest of them and 0.</param>
    /// <param name="most">The largest of them and 0.</param>
    public static ulong Of(ReadOnlySpan<int> integers, in SlotHashKey key, out int least, out int most)
    {
        ReadOnlySpan<int> factors = key.Factors[..integers.Length];
        return Lanes512.IsSupported ? Kernels512.Hash(integers, factors, key.Salt, out least, out most)
            : Lanes256.IsSupported ? Kernels256.Hash(integers, factors, key.Salt, out least, out most)
            : Kernels128.Hash(integers, factors, key.Salt, out least, out most);
    }

    private static ulong Place(int block, ushort exponent) => ((ulong)(uint)block << 16) | exponent;

    // The finalizer of SplitMix64.
    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
