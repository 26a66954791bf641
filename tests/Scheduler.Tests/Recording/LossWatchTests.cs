using CsCheck;
using Lockstep.Contracts.Runs;
using Lockstep.Scheduler.Jobs;

namespace Lockstep.Scheduler.Tests.Recording;

public sealed class LossWatchTests
{
    private const int Epoch = 20;

    [Fact]
    public void A_loss_that_grows_beyond_where_it_began_is_told_once()
    {
        IReadOnlyList<string> warnings = Of(10 * Epoch, step => step < 100 ? 2 - (step / 100.0) : Math.Pow(1.1, step - 100));
        string warning = Assert.Single(warnings);
        Assert.Matches(@"^The loss has grown from 1\.9 to \S+ by step 1[12]\d: the learning rate, 0\.5 there, is too large\. Lower 'optimizer\.learningRate'", warning);
    }

    [Fact]
    public void One_that_grows_within_the_first_steps_has_grown_however_it_ends() =>
        Assert.StartsWith("The loss has grown from 2 to 7", Assert.Single(Of(5 * Epoch, step => step is > 1 and < 5 ? 500 : 2)), StringComparison.Ordinal);

    [Fact]
    public void Where_samples_weigh_by_class_the_first_batch_says_nothing()
    {
        Assert.Empty(Of(4 * Epoch, step => step == 1 ? 0.1 : 0.5 + (0.4 * Math.Sin(step)), isWeighted: true));
        Assert.Single(Of(4 * Epoch, step => step == 1 ? 0.1 : 0.5 + (0.4 * Math.Sin(step))));
        Assert.Single(Of(4 * Epoch, step => step < Epoch ? 1 : step, isWeighted: true));
    }

    [Fact]
    public void One_that_is_no_number_any_more_has_grown() =>
        Assert.Contains("to NaN by step 60", Assert.Single(Of(5 * Epoch, step => step < 60 ? 1.0 / step : double.NaN)), StringComparison.Ordinal);

    [Fact]
    public void A_loss_that_does_not_move_from_epoch_to_epoch_is_told_once()
    {
        // The samples of an epoch differ, and every epoch has the same.
        string warning = Assert.Single(Of(6 * Epoch, step => 0.6931 + (0.3 * Math.Sin(step % Epoch))));
        Assert.StartsWith("The loss of epoch 2 is that of the first, 0.6", warning, StringComparison.Ordinal);
        Assert.Contains("does nothing, or the features say nothing of the labels. Raise", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plateau_that_was_arrived_at_is_none() => Assert.Empty(Of(50 * Epoch, step => 0.1 + Math.Exp(-step / 30.0)));

    [Fact]
    public void A_loss_that_falls_whatever_its_noise_is_not_warned_of() => Gen.Select(Gen.Int[1, 1000], Gen.Double[0, 0.4], Gen.Double[20, 400]).Sample((seed, noise, pace) =>
    {
        var random = new Random(seed);
        Assert.Empty(Of(20 * Epoch, step => (1 + (noise * (random.NextDouble() - 0.5))) * (0.05 + Math.Exp(-step / pace))));
    }, iter: 500);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void Of_a_run_without_a_second_epoch_the_last_quarter_is_compared_with_the_first(double fall, int warnings)
    {
        var random = new Random(1);
        IReadOnlyList<string> told = Of(100, step => 2 - (fall * step / 100) + (0.2 * (random.NextDouble() - 0.5)), stepsPerEpoch: 1000);
        Assert.Equal(warnings, told.Count);
        Assert.All(told, warning => Assert.StartsWith("The loss of the last 25 steps is that of the first, ", warning, StringComparison.Ordinal));
        Assert.Empty(Of(20, _ => 1, stepsPerEpoch: 1000));
    }

    private static IReadOnlyList<string> Of(int steps, Func<int, double> loss, int stepsPerEpoch = Epoch, bool isWeighted = false)
    {
        var watch = new LossWatch(stepsPerEpoch, steps, isWeighted);
        for (int step = 1; step <= steps; step++)
        {
            watch.Add(new StepRecord { Step = step, Loss = loss(step), Samples = 8, Epoch = 0, LearningRate = 0.5, StepMs = 1, BarrierMs = 0, SyncMs = 0, UpdateMs = 0, SlotsByWorker = new Dictionary<string, int>(), GroupSizes = [] });
        }

        return watch.Warnings;
    }
}
