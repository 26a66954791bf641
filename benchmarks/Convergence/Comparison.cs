using Lockstep.Contracts.Jobs;
using Lockstep.Data;

namespace Lockstep.Convergence;

/// <summary>Mean losses over the samples of one step.</summary>
/// <param name="Plain">Of the plain loop, whole batches.</param>
/// <param name="PlainParts">Of the plain loop with the gradient of a batch added up over the slots' samples: how far it is from itself.</param>
public readonly record struct StepLosses(double Lockstep, double Plain, double PlainParts);

/// <summary>What is compared: Fashion-MNIST's models without dropout, trained with the same batches from the same parameters.</summary>
public static class Comparison
{
    /// <value>Where Debian's package dataset-fashion-mnist puts its files.</value>
    public const string DataFolder = "/usr/share/datasets/fashion-mnist";

    public static IReadOnlyList<string> Models { get; } = ["mlp", "cnn"];

    public static IReadOnlyDictionary<string, OptimizerSpec> Optimizers { get; } = new SortedDictionary<string, OptimizerSpec>(StringComparer.Ordinal)
    {
        ["adam 0.001"] = new() { Kind = OptimizerKind.Adam, LearningRate = 1e-3 },
        ["sgd 0.1"] = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.1 },
        ["sgd 0.01, momentum 0.9"] = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.01, Momentum = 0.9 },
        // Steps so long that the smallest difference grows: what nobody can promise to repeat, the plain loop itself not.
        ["sgd 0.05, momentum 0.9"] = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.05, Momentum = 0.9 },
    };

    /// <param name="images">Name of the idx file of images; labels lie beside it.</param>
    public static JobSpec Job(string model, OptimizerSpec optimizer, ulong seed, string images = "train") => new()
    {
        Name = $"convergence-{model}",
        Model = new ModelSpec { Preset = model, Hidden = model == "mlp" ? [256, 128] : [] },
        Data = new DataSpec
        {
            Format = DataFormat.Idx,
            Train = Path.Combine(DataFolder, $"{images}-images-idx3-ubyte.gz"),
            TrainLabels = Path.Combine(DataFolder, $"{images}-labels-idx1-ubyte.gz"),
            Normalize = NormalizationKind.Standard,
        },
        Loss = LossKind.CrossEntropy,
        Optimizer = optimizer,
        Steps = 300,
        GlobalBatch = 128,
        Slots = 8,
        Seed = seed,
    };

    /// <summary>The losses of each step, computed at the version before its update.</summary>
    /// <param name="shards">Of Lockstep's run.</param>
    public static IEnumerable<StepLosses> Run(JobSpec job, IDataSet data, int steps, int shards)
    {
        using var lockstep = new LockstepLoop(job, data, steps, shards);
        using var plain = new PlainLoop(job, data, lockstep.Initial());
        using var parts = new PlainLoop(job, data, lockstep.Initial());
        for (int step = 0; step < steps; step++)
        {
            IReadOnlyList<long[]> slots = lockstep.SamplesOf(step);
            yield return new StepLosses(lockstep.Step(), plain.Step([[.. slots.SelectMany(ids => ids)]]), parts.Step(slots));
        }
    }
}
