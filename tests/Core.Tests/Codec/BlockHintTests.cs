using CsCheck;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Tests.Codec;

public sealed class BlockHintTests
{
    private static readonly Gen<byte> Code = Gen.Frequency((1, Gen.Const((byte)0)), (6, Gen.Byte[1, 209]));

    [Fact]
    public void The_code_is_that_of_the_smallest_exponent_that_fits() => Gen.OneOf(Floats.Finite, Gen.Int[-126, 127].Select(e => MathF.ScaleB(1, e))).Sample(value =>
    {
        double magnitude = Math.Abs((double)value);
        byte code = BlockExponent.CodeOf(BitConverter.SingleToInt32Bits(value) & int.MaxValue);
        Assert.Equal(magnitude < Math.ScaleB(1, -126), code == 0);
        if (code != 0)
        {
            Assert.True(BlockExponent.IsCode(code));
            short exponent = BlockExponent.Of(code);
            Assert.InRange(exponent, BlockExponent.Floor, BlockExponent.Ceiling);
            Assert.True(magnitude <= Math.ScaleB(1, exponent));
            Assert.True(magnitude > Math.ScaleB(1, exponent - 1) || exponent == BlockExponent.Floor);
        }
    }, iter: 5000);

    [Fact]
    public void A_block_that_fits_stands_at_the_hint_and_another_on_the_grid_above_it() => Gen.Select(Code.Where(c => c != 0), Gen.Short[BlockExponent.Floor, BlockExponent.Ceiling]).Sample((code, hint) =>
    {
        int own = BlockExponent.Of(code);
        int level = BlockExponent.Level(code, hint);
        int exponent = BlockExponent.OfLevel(level, hint);
        Assert.InRange(level, 0, BlockExponent.Levels - 1);
        Assert.True(own <= exponent);
        if (own <= hint)
        {
            Assert.Equal(hint, exponent);
        }
        else
        {
            Assert.Equal(0, exponent % BlockExponent.Grid);
            Assert.InRange(exponent, own, Math.Min(own + BlockExponent.Grid - 1, BlockExponent.Ceiling));
        }
    });

    [Fact]
    public void Follows_the_largest_of_this_and_the_bucket_before_with_two_bits_of_room() => Code.Array[1, 60].Sample(codes =>
    {
        BlockHint hint = BlockHint.Initial;
        short expected = BlockExponent.Floor;
        for (int step = 0; step < codes.Length; step++)
        {
            hint = hint.Next(step, codes[step]);
            if (codes[step] != 0)
            {
                // From the first step of the bucket before to this one.
                int from = Math.Max(0, ((step / BlockHint.Bucket) - 1) * BlockHint.Bucket);
                int most = codes[from..(step + 1)].Where(c => c != 0).Max(c => BlockExponent.Of(c));
                expected = (short)Math.Clamp(most + 2, BlockExponent.Floor, BlockExponent.Ceiling);
            }

            Assert.Equal(expected, hint.Exponent);
        }
    }, iter: 2000);
}
