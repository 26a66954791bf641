using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Tests;

/// <summary>Values to send about.</summary>
internal static class Samples
{
    public static readonly Cursor Cursor = new(2, 5_000_000_000, 0);

    public static JobDescriptor Job(string directory = "checkpoints", int shards = 2, int slots = 4, long steps = 6, int elements = 120) => new()
    {
        JobId = "job",
        Tensors = [new("weight", TensorKind.Parameter, [elements / 3, 2]), new("bias", TensorKind.Parameter, [elements / 6]), new("mean", TensorKind.Buffer, [elements / 6])],
        Shards = shards,
        Slots = slots,
        Optimizer = new OptimizerSpec { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = 0.5 },
        Schedule = new ScheduleSpec(),
        TotalSteps = steps,
        StepsPerEpoch = 3,
        Seed = ulong.MaxValue,
        CheckpointEvery = 4,
        CheckpointDirectory = directory,
        EvaluationSlots = 2,
        DeterminismClass = "class ä",
        JobHash = "hash",
        ModelMetadata = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["classes"] = "[\"ja\",\"nein\"]" },
    };

    public static float[] Floats(int count, int factor = 16_411) => [.. Enumerable.Range(1, count).Select(i => BitConverter.Int32BitsToSingle(unchecked(i * factor)))];

    /// <summary>A version.</summary>
    /// <param name="values">Null: the worker holds it.</param>
    public static TurnMessage Turn(float[]? values = null, long step = 5_000_000_000, Action? release = null) =>
        new(new PulledVersion(Cursor with { Step = step }, false, values is null ? default(ReadOnlyMemory<float>?) : values, new short[] { 5 }, release ?? (() => { })));

    public static Contribution Contribution(params int[] chunkLengths) => new()
    {
        JobId = "job",
        Cursor = Cursor,
        WorkerId = Loopback.TestWorker.Id,
        SyncMs = 1.25,
        SlotMs = 2.75,
        Reports =
        [
            new SlotReport { Slot = 1, Samples = 8, LossSum = double.NaN, IsNotFinite = true, ChunkHashes = [ulong.MaxValue, 0] },
            new SlotReport { Slot = 3, Samples = 0, LossSum = 0, ChunkHashes = [1, 2] },
        ],
        Chunks = [.. chunkLengths.Select((length, index) => new ChunkSum(index * 3, Enumerable.Range(0, length).Select(i => unchecked(i * -77_777)).ToArray(), new(Enumerable.Range(0, length / 3).ToArray()), Enumerable.Range(0, Math.Max(1, length / 4096)).Select(i => (byte)i).ToArray()))],
    };
}
