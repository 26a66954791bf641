using CsCheck;
using Lockstep.Core.Codec;

namespace Lockstep.Core.Tests.Codec;

public sealed class RangePolicyTests
{
    private static readonly Gen<float> Magnitude = Gen.OneOf(Floats.Finite.Select(Math.Abs), Gen.Int[-149, 127].Select(e => MathF.ScaleB(1, e)), Gen.Const(0f));
    private static readonly Gen<short> Range = Gen.Int[RangePolicy.Floor, RangePolicy.Ceiling].Select(r => (short)r);

    /// <value>A gradient may grow so many times from one step to the next.</value>
    private const int Room = 64;

    [Fact]
    public void A_measured_magnitude_fits_with_room_for_growth_and_no_more() => Magnitude.Sample(most =>
    {
        short range = RangePolicy.FromMeasured(most);
        Assert.InRange(range, RangePolicy.Floor, RangePolicy.Ceiling);
        Assert.True(most * (double)Room <= Math.ScaleB(1.0, range) || range == RangePolicy.Ceiling);
        Assert.True(most * 2.0 * Room > Math.ScaleB(1.0, range) || range == RangePolicy.Floor);
    });

    [Fact]
    public void The_next_range_follows_growth_at_once_and_shrinks_by_one() => Gen.Select(Range, Magnitude).Sample((last, most) =>
    {
        short measured = RangePolicy.FromMeasured(most);
        Assert.Equal(Math.Max(measured, Math.Max(last - 1, RangePolicy.Floor)), RangePolicy.Next(last, most));
    });

    [Fact]
    public void A_widened_range_is_wider_and_holds_what_overflowed() => Gen.Select(Range, Magnitude).Sample((last, most) =>
    {
        short wider = RangePolicy.Widen(last, most);
        Assert.True(wider > last || last == RangePolicy.Ceiling);
        Assert.True(most <= Math.ScaleB(1.0, wider));
    });

    [Fact]
    public void Magnitudes_that_grow_within_the_room_never_overflow() => Gen.Select(Magnitude, Gen.Float[0, Room].Array[1, 50]).Sample((first, factors) =>
    {
        float most = first;
        short range = RangePolicy.FromMeasured(most);
        foreach (float factor in factors)
        {
            most = Math.Min(most * factor, float.MaxValue);
            Assert.True(most <= Math.ScaleB(1.0, range));
            range = RangePolicy.Next(range, most);
        }
    });

    [Fact]
    public void A_rare_row_is_still_within_range_after_as_many_steps_as_its_headroom()
    {
        short range = RangePolicy.FromMeasured(1);
        for (int step = 0; step < Math.Log2(Room); step++)
        {
            range = RangePolicy.Next(range, 0);
            Assert.True(1 <= Math.ScaleB(1.0, range));
        }

        Assert.True(1 > Math.ScaleB(1.0, RangePolicy.Next(range, 0)));
    }
}
