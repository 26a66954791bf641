using Lockstep.Core.Metrics;
using Lockstep.Training;

namespace Lockstep.Worker.Loop;

/// <summary>What the training loop asks of a model and its data. Called on the compute thread only, but for <see cref="Prepare"/>.</summary>
internal interface ITrainer : IDisposable
{
    /// <value>Elements of the flat model vector: parameters and buffers in model order.</value>
    int ElementCount { get; }

    /// <value>Samples of the validation data; 0 where the job has none.</value>
    long ValidationSamples { get; }

    /// <summary>Writes the values of version 0, the same in every worker and whenever it is asked: shards that lost them ask again.</summary>
    /// <param name="values">ElementCount values.</param>
    void CopyInitial(Span<float> values);

    /// <summary>Takes on a version of the model.</summary>
    /// <param name="parts">ElementCount values in pieces, in model order; copied.</param>
    void Load(IReadOnlyList<ReadOnlyMemory<float>> parts);

    /// <summary>Reads a slot's samples ahead, a hint: <see cref="Run"/> then finds them decoded. From any thread, also while a slot is computed. What was read ahead for another step is let go of.</summary>
    /// <param name="sampleIds">The slot's training samples; at least one.</param>
    /// <returns>False: as much is read ahead as there is room for.</returns>
    bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds);

    /// <summary>Computes a slot from the loaded version: a pure function of that version, the step and the slot.</summary>
    /// <param name="sampleIds">The slot's training samples; at least one.</param>
    /// <param name="stepSampleCount">Samples of the whole step, by which the gradient is divided.</param>
    /// <param name="gradient">Overwritten: ElementCount values, gradients of parameters and differences of buffers.</param>
    SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient);

    /// <summary>Measures the loaded version on validation samples.</summary>
    EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds);
}
