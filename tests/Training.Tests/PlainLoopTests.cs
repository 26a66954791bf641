using Lockstep.Contracts.Jobs;
using Lockstep.Convergence;
using Lockstep.Data;

namespace Lockstep.Training.Tests;

/// <summary>Lockstep's losses beside those of a plain loop with torch's own modules and optimizer. The long comparison is the command in benchmarks.</summary>
public sealed class PlainLoopTests : IDisposable
{
    private readonly DirectoryInfo _cache = Directory.CreateTempSubdirectory("lockstep-plain-");

    public void Dispose() => _cache.Delete(recursive: true);

    [Theory]
    [InlineData("mlp", "adam 0.001")]
    [InlineData("mlp", "sgd 0.1")]
    [InlineData("cnn", "adam 0.001")]
    [InlineData("cnn", "sgd 0.1")]
    public void The_first_steps_have_the_losses_of_a_plain_loop(string model, string optimizer)
    {
        Assert.SkipUnless(Directory.Exists(Comparison.DataFolder), $"There is no {Comparison.DataFolder}; Debian's package dataset-fashion-mnist brings it.");
        // The smaller file, so that nothing is waited for.
        JobSpec job = Comparison.Job(model, Comparison.Optimizers[optimizer], seed: 1, images: "t10k");
        using OpenedData data = DataSets.Open(job.Data, job.Loss, job.Seed, _cache.FullName, TestContext.Current.CancellationToken);
        StepLosses[] losses = [.. Comparison.Run(job, data.Train, 11, shards: 2)];

        // At the same parameters, after one update, after ten.
        Assert.InRange(Difference(losses[0]), 0, 1e-6);
        Assert.InRange(Difference(losses[1]), 0, 1e-5);
        Assert.InRange(Difference(losses[10]), 0, 1e-3);

        // It learned: equal losses that do not move would prove little.
        Assert.True(losses[10].Lockstep < 0.95 * losses[0].Lockstep, $"The loss went from {losses[0].Lockstep} to {losses[10].Lockstep}.");
    }

    private static double Difference(StepLosses loss) => Math.Abs((loss.Lockstep / loss.Plain) - 1);
}
