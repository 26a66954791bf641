using CsCheck;
using Lockstep.Core.Sampling;

namespace Lockstep.Core.Tests.Sampling;

public sealed class SeededPermutationTests
{
    [Fact]
    public void Every_element_has_one_position() => Gen.Select(Gen.Int[1, 3000], Gen.ULong).Sample((count, seed) =>
    {
        var permutation = new SeededPermutation((ulong)count, seed);
        var seen = new bool[count];
        for (int i = 0; i < count; i++)
        {
            seen[permutation[(ulong)i]] = true;
        }

        Assert.DoesNotContain(false, seen);
    }, iter: 150);

    [Fact]
    public void The_position_of_an_element_is_where_it_stands() => Gen.Select(Gen.OneOf(Gen.ULong[1, 100], Gen.ULong[1, 1UL << 62]), Gen.ULong, Gen.ULong).Sample((count, seed, at) =>
    {
        var permutation = new SeededPermutation(count, seed);
        ulong index = at % count;
        ulong element = permutation[index];
        Assert.True(element < count);
        Assert.Equal(index, permutation.IndexOf(element));
    });

    [Fact]
    public void The_smallest_and_the_largest_work()
    {
        Assert.Equal(0UL, new SeededPermutation(1, 5)[0]);
        foreach (ulong count in new ulong[] { 2, 3, 4, 5, (1UL << 62) - 1, 1UL << 62 })
        {
            var permutation = new SeededPermutation(count, 9);
            Assert.Equal(count - 1, permutation.IndexOf(permutation[count - 1]));
        }
    }

    [Fact]
    public void What_is_outside_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SeededPermutation(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SeededPermutation((1UL << 62) + 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SeededPermutation(5, 1)[5]);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SeededPermutation(5, 1).IndexOf(5));
    }

    [Fact]
    public void Over_seeds_an_element_stands_everywhere_alike()
    {
        const int Count = 10, Seeds = 20_000;
        var at = new int[Count];
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            at[new SeededPermutation(Count, seed).IndexOf(3)]++;
        }

        // Chi-squared with nine degrees of freedom: above 33 with a probability of 1e-4, and the seeds are fixed.
        double expected = (double)Seeds / Count;
        Assert.InRange(at.Sum(n => (n - expected) * (n - expected) / expected), 0, 33);
    }
}
