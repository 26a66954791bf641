using CsCheck;
using Lockstep.Core.Sampling;

namespace Lockstep.Core.Tests.Sampling;

public sealed class CounterRandomTests
{
    [Fact]
    public void The_values_are_those_of_the_published_generator()
    {
        // The first outputs of SplitMix64 from state 0: the generator adds its constant before each.
        Assert.Equal(0xE220A8397B1DCDAFUL, CounterRandom.Mix(0));
        Assert.Equal(0x6E789E6AA1B965F4UL, CounterRandom.Mix(0x9E3779B97F4A7C15));
        Assert.Equal(0x06C45D188009454FUL, CounterRandom.Mix(unchecked(2 * 0x9E3779B97F4A7C15)));
    }

    [Fact]
    public void Uniform_values_lie_within_the_bound() => Gen.Select(Gen.ULong, Gen.Long[0, long.MaxValue], Gen.Double[1e-6, 1e6]).Sample((key, index, bound) =>
        Assert.InRange(CounterRandom.Uniform(key, index, bound), (float)-bound, (float)bound));

    [Fact]
    public void Uniform_values_have_the_mean_and_variance_of_a_uniform_distribution()
    {
        double[] values = [.. Enumerable.Range(0, 50_000).Select(i => (double)CounterRandom.Uniform(7, i, 1))];
        Assert.InRange(values.Average(), -0.015, 0.015);
        Assert.InRange(values.Average(v => v * v), (1.0 / 3) - 0.01, (1.0 / 3) + 0.01);
    }

    [Fact]
    public void Every_part_of_a_key_counts()
    {
        ulong[] keys = [CounterRandom.Key(1, 2, 3), CounterRandom.Key(2, 2, 3), CounterRandom.Key(1, 3, 3), CounterRandom.Key(1, 2, 4), CounterRandom.Key(1, 3, 2)];
        Assert.Equal(keys.Length, keys.Distinct().Count());
    }
}
