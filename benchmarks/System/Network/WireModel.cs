using Lockstep.Core.Protocol;
using Lockstep.SystemBenchmark.Stubs;
using Lockstep.Transport.Grpc;
using Lockstep.Worker.Loop;

namespace Lockstep.SystemBenchmark.Network;

/// <summary>What travels in a step of a stub's job: the same contribution and the same values over and over.</summary>
internal sealed class WireModel
{
    public WireModel(long bytes)
    {
        TrainingPlan job = new StubJob(bytes, Slots: 1, Folder: "none").Create();
        var trainer = new StubTrainer(job.Layout.Elements);
        Values = new float[job.Layout.Elements];
        trainer.Run(0, 0, [0], 1, Values);
        Ranges = new short[job.Layout.Blocks.Count];
        var group = new GroupBuilder(job.Descriptor, job.Layout);
        group.Begin(default, [Ranges]);
        group.Add(0, 1, 1, Values);
        Contribution = group.Build("wire")[0];
        Frames = new EchoFrames(
            [.. Contribution.Chunks.Select(chunk => new TensorFrame { Index = chunk.Chunk + 1, Integers = chunk.Sums, Escapes = chunk.Escapes, Exponents = chunk.Exponents })],
            [.. job.Layout.Chunks.Select(chunk => new TensorFrame { Floats = Values.AsMemory(chunk.ModelOffset, chunk.Length) })]);
    }

    public float[] Values { get; }

    /// <value>One a block, wide enough for the values.</value>
    public short[] Ranges { get; }

    public Contribution Contribution { get; }

    public EchoFrames Frames { get; }
}
