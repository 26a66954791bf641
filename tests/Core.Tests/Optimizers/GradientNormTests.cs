using CsCheck;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Tests.Optimizers;

public sealed class GradientNormTests
{
    [Fact]
    public void Equals_eight_partial_sums_added_in_order_to_the_bit() => Floats.Finite.Array[0, 100].Sample(gradient =>
    {
        var partial = new double[8];
        for (int i = 0; i < gradient.Length; i++)
        {
            partial[i % 8] += (double)gradient[i] * gradient[i];
        }

        Assert.Equal(partial.Aggregate(0.0, (sum, part) => sum + part), GradientNorm.SquaredNorm(gradient));
    }, iter: 3000);

    [Fact]
    public void A_norm_below_the_limit_is_left_alone_and_one_above_brought_down_to_it()
    {
        Assert.Equal(1, GradientNorm.Factor(4, 3));
        Assert.Equal(1, GradientNorm.Factor(0, 3));
        Assert.Equal(1, GradientNorm.Factor(1e300, double.PositiveInfinity));
        Assert.Equal(3 / (5 + 1e-6), GradientNorm.Factor(25, 3));
    }

    [Fact]
    public void Squares_beyond_float32_are_no_matter() => Assert.Equal(1, GradientNorm.SquaredNorm([1e30f, -1e30f]) / (2 * (double)1e30f * 1e30f), 1e-15);
}
