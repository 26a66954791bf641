using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>One schedule: the job, who works on it, what disturbs them, and the seed of all that happens by chance.</summary>
/// <param name="Chunks">Of the model, one block each; shards may stay without.</param>
/// <param name="Disturbed">Turns in which disturbances happen; then it is calm. 0: a quiet run.</param>
/// <param name="Rate">Disturbances in a thousand turns.</param>
internal sealed record ExplorationCase(int Seed, int Shards, int Workers, int Slots, int Chunks, int Steps, int Disturbed, int Rate)
{
    /// <value>How often of 100 a shard tells ps-0 something, or does what comes after a version, where it could.</value>
    public int Diligence { get; init; } = 100;

    public bool Clips { get; init; }

    /// <value>In the midst and at the end.</value>
    public bool Evaluates { get; init; }

    /// <value>Workers read versions in the shards' memory; else values travel.</value>
    public bool SharesMemory { get; init; }

    /// <value>Somebody asks for a checkpoint.</value>
    public bool Asks { get; init; }

    /// <value>Shards die, too.</value>
    public bool LosesShards { get; init; }

    /// <value>One of the workers brings slots that are not finite.</value>
    public bool HasSick { get; init; }

    /// <value>A slot that is finite nowhere; null: there is none.</value>
    public (long Step, int Slot)? Poison { get; init; }

    /// <value>What workers say that a slot takes, milliseconds; 0: nothing, and no time is usual.</value>
    public double SlotMs { get; init; }

    public JobDescriptor MakeJob() => StubGradients.Job(Shards, Slots, Steps, new OptimizerSpec { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = Clips ? 0.5 : null }) with
    {
        Tensors = [.. Enumerable.Range(0, Chunks).Select(i => new TensorSpec($"t{i}", i % 4 == 3 ? TensorKind.Buffer : TensorKind.Parameter, [3 + (i % 3)]))],
        EvaluationSlots = Evaluates ? 3 : 0,
        CheckpointEvery = 2,
    };

    public ExplorationCase MakeQuiet() => this with { Shards = 1, Workers = 1, Disturbed = 0, LosesShards = false, HasSick = false, Poison = null };

    /// <summary>A schedule of the kinds that there are.</summary>
    public static ExplorationCase Of(int seed)
    {
        var random = new Random(seed);
        int shards = random.Next(1, 4);
        return new(seed, shards, random.Next(1, 6), random.Next(1, 9), random.Next(1, (3 * shards) + 1), random.Next(2, 7), random.Next(300, 4_000), random.Next(3) switch { 0 => 3, 1 => 15, _ => 60 })
        {
            Diligence = random.Next(3) switch { 0 => 5, 1 => 30, _ => 100 },
            Clips = random.Next(3) == 0,
            Evaluates = random.Next(3) == 0,
            Asks = random.Next(3) == 0,
            SharesMemory = random.Next(2) == 0,
            SlotMs = random.Next(3) switch { 0 => 0, 1 => 20, _ => 200 },
        };
    }
}
