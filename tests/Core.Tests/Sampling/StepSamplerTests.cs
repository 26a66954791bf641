using CsCheck;
using Lockstep.Core.Protocol;
using Lockstep.Core.Sampling;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Core.Tests.Sampling;

public sealed class StepSamplerTests
{
    [Fact]
    public void Over_an_epoch_every_sample_is_used_once_and_slots_are_alike() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[1, 70], Gen.Int[1, 12], Gen.Int[1, 4], Gen.ULong)
            .Where((samples, batch, slots, minimum, seed) => samples >= minimum && batch >= minimum)
            .Sample((samples, batch, slots, minimum, seed) =>
        {
            var sampler = new StepSampler(samples, batch, slots, seed, minimum);
            var ids = new List<long>();
            for (long epoch = 0; epoch < 2; epoch++)
            {
                var used = new List<long>();
                for (long step = epoch * sampler.StepsPerEpoch; step < (epoch + 1) * sampler.StepsPerEpoch; step++)
                {
                    Assert.Equal((epoch, step - (epoch * sampler.StepsPerEpoch)), sampler.Locate(step));
                    var counts = new List<int>();
                    for (int slot = 0; slot < slots; slot++)
                    {
                        sampler.SlotSamples(step, slot, ids);
                        counts.Add(ids.Count);
                        used.AddRange(ids);
                    }

                    Assert.Equal(sampler.SamplesInStep(step), counts.Sum());
                    int[] working = [.. counts.Where(c => c > 0)];
                    Assert.True(working.Min() >= minimum && working.Max() - working.Min() <= 1, $"Slots of {string.Join(", ", counts)} samples.");

                    // Slots stay empty only where there are too few samples for all.
                    Assert.True(working.Length == slots || sampler.SamplesInStep(step) < (long)minimum * slots);

                    // All steps but the last have a whole batch; the last is smaller, or larger by less than a slot needs.
                    bool last = sampler.Locate(step + 1).StepInEpoch == 0;
                    Assert.InRange(sampler.SamplesInStep(step), last ? 1 : batch, last ? batch + minimum - 1 : batch);
                }

                Assert.Equal(Enumerable.Range(0, samples).Select(i => (long)i), used.Order());
            }
        }, iter: 600);

    [Fact]
    public void Epochs_and_seeds_have_orders_of_their_own()
    {
        Assert.NotEqual(Order(1, 0), Order(1, 1));
        Assert.NotEqual(Order(1, 0), Order(2, 0));
        Assert.Equal(Order(1, 0), Order(1, 0));

        static long[] Order(ulong seed, long epoch)
        {
            var sampler = new StepSampler(50, 50, 1, seed);
            var ids = new List<long>();
            sampler.SlotSamples(epoch, 0, ids);
            return [.. ids];
        }
    }

    [Fact]
    public void The_order_does_not_depend_on_how_a_step_is_cut() => Gen.Select(Gen.Int[1, 100], Gen.Int[1, 100], Gen.Int[1, 9]).Sample((samples, batch, slots) =>
        Assert.Equal(Whole(new StepSampler(samples, batch, 1, 5), 1), Whole(new StepSampler(samples, batch, slots, 5), slots)), iter: 200);

    [Theory]
    // Samples, batch, minimum: steps, samples of the last.
    [InlineData(10, 5, 1, 2, 5)]
    [InlineData(11, 5, 1, 3, 1)]
    [InlineData(11, 5, 2, 2, 6)]
    [InlineData(12, 5, 2, 3, 2)]
    [InlineData(3, 5, 2, 1, 3)]
    [InlineData(2, 64, 2, 1, 2)]
    public void A_remainder_too_small_for_a_step_joins_the_last(int samples, int batch, int minimum, int steps, int last)
    {
        var sampler = new StepSampler(samples, batch, 4, 1, minimum);
        Assert.Equal((steps, last), (sampler.StepsPerEpoch, sampler.SamplesInStep(sampler.StepsPerEpoch - 1)));
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new StepSampler(1, 8, 2, 0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepSampler(9, 1, 2, 0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepSampler(9, 8, 0, 0));
        var sampler = new StepSampler(9, 8, 2, 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.SlotSamples(0, 2, []));
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.SlotSamples(0, -1, []));
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.SlotSamples(-1, 0, []));
    }

    private static List<long> Whole(StepSampler sampler, int slots)
    {
        var all = new List<long>();
        var ids = new List<long>();
        for (long step = 0; step < sampler.StepsPerEpoch; step++)
        {
            for (int slot = 0; slot < slots; slot++)
            {
                sampler.SlotSamples(step, slot, ids);
                all.AddRange(ids);
            }
        }

        return all;
    }
}
