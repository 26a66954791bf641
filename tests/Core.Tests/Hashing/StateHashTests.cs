using System.IO.Hashing;
using System.Runtime.InteropServices;
using CsCheck;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Tests.Hashing;

public sealed class StateHashTests
{
    [Fact]
    public void Is_the_128_bit_hash_of_values_state_and_range_in_order() => Gen.Select(Floats.AnyBits.Array[1, 60], Gen.Short, Gen.Int[0, 2]).Sample((values, range, arrays) =>
    {
        float[] state1 = arrays > 0 ? [.. values.Select(v => v + 1)] : [], state2 = arrays > 1 ? [.. values.Select(v => v * 2)] : [];
        byte[] bytes = [.. MemoryMarshal.AsBytes<float>(values), .. MemoryMarshal.AsBytes<float>(state1), .. MemoryMarshal.AsBytes<float>(state2), .. BitConverter.GetBytes(range)];
        Assert.Equal(XxHash128.HashToUInt128(bytes), StateHash.Block(values, state1, state2, range));
    }, iter: 500);

    [Fact]
    public void One_bit_anywhere_changes_it()
    {
        float[] zeros = new float[5];
        UInt128[] hashes =
        [
            StateHash.Block(zeros, zeros, zeros, 0), StateHash.Block([0, 0, -0f, 0, 0], zeros, zeros, 0), StateHash.Block(zeros, [0, 0, 0, 0, float.Epsilon], zeros, 0),
            StateHash.Block(zeros, zeros, [float.Epsilon, 0, 0, 0, 0], 0), StateHash.Block(zeros, zeros, zeros, 1),
        ];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
    }

    [Fact]
    public void The_order_of_blocks_counts()
    {
        Assert.NotEqual(StateHash.Combine([1, 2]), StateHash.Combine([2, 1]));
        Assert.Equal("0000000000000000000000000000002a", StateHash.ToHex(42));
    }
}
