using System.IO.Hashing;
using System.Runtime.InteropServices;
using CsCheck;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Tests.Hashing;

public sealed class StateHashTests
{
    [Fact]
    public void Is_the_128_bit_hash_of_values_state_and_hint_in_order() => Gen.Select(Floats.AnyBits.Array[1, 60], Gen.Select(Gen.Short, Gen.Short, Gen.Short), Gen.Int[0, 2]).Sample((values, hint, arrays) =>
    {
        float[] state1 = arrays > 0 ? [.. values.Select(v => v + 1)] : [], state2 = arrays > 1 ? [.. values.Select(v => v * 2)] : [];
        byte[] bytes = [.. MemoryMarshal.AsBytes<float>(values), .. MemoryMarshal.AsBytes<float>(state1), .. MemoryMarshal.AsBytes<float>(state2), .. BitConverter.GetBytes(hint.Item1), .. BitConverter.GetBytes(hint.Item2), .. BitConverter.GetBytes(hint.Item3)];
        Assert.Equal(XxHash128.HashToUInt128(bytes), StateHash.Block(values, state1, state2, new BlockHint(hint.Item1, hint.Item2, hint.Item3)));
    }, iter: 500);

    [Fact]
    public void One_bit_anywhere_changes_it()
    {
        float[] zeros = new float[5];
        UInt128[] hashes =
        [
            StateHash.Block(zeros, zeros, zeros, default), StateHash.Block([0, 0, -0f, 0, 0], zeros, zeros, default), StateHash.Block(zeros, [0, 0, 0, 0, float.Epsilon], zeros, default),
            StateHash.Block(zeros, zeros, [float.Epsilon, 0, 0, 0, 0], default), StateHash.Block(zeros, zeros, zeros, new BlockHint(1, 0, 0)), StateHash.Block(zeros, zeros, zeros, new BlockHint(0, 1, 0)), StateHash.Block(zeros, zeros, zeros, new BlockHint(0, 0, 1)),
        ];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
    }

    [Fact]
    public void The_order_of_blocks_counts()
    {
        Assert.NotEqual(StateHash.Of([[1, 2]], null), StateHash.Of([[2, 1]], null));
        Assert.Equal(StateHash.Of([[1, 2]], null), StateHash.Of([[1], [], [2]], null));
        Assert.Equal("0000000000000000000000000000002a", StateHash.ToHex(42));
    }
}
