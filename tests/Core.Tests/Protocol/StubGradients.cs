using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

/// <summary>Jobs and gradients that cost nothing: a gradient is a fixed function of (step, slot, values), in which every element depends on all values.</summary>
internal static class StubGradients
{
    public static JobDescriptor Job(int shards, int slots, long steps, OptimizerSpec? optimizer = null, int elements = 300) => new()
    {
        JobId = "job",
        Tensors = [new("a", TensorKind.Parameter, [elements / 3, 2]), new("b", TensorKind.Parameter, [elements / 6]), new("c", TensorKind.Buffer, [elements / 6])],
        Shards = shards,
        Slots = slots,
        Optimizer = optimizer ?? new OptimizerSpec { Kind = OptimizerKind.Adam, LearningRate = 0.01 },
        Schedule = new ScheduleSpec(),
        TotalSteps = steps,
        StepsPerEpoch = Math.Max(1, steps / 2),
        Seed = 7,
        CheckpointDirectory = "none",
        DeterminismClass = "stub",
        JobHash = "stub",
    };

    public static float[] Initial(JobDescriptor job)
    {
        var values = new float[job.Tensors.Sum(t => t.Elements)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = MathF.Sin(i);
        }

        return values;
    }

    /// <param name="spike">At this step the gradients are far larger, and each slot's in another range: sums escape at many levels, and a group is pushed in several parts.</param>
    public static void Fill(Span<float> gradient, ReadOnlySpan<float> values, long step, int slot, long spike = -1)
    {
        float scale = step == spike ? MathF.ScaleB(1, 9 * (slot % 6)) : 1;
        float all = Loss(values, slot);
        for (int i = 0; i < gradient.Length; i++)
        {
            gradient[i] = scale * ((values[i] * 0.1f) + (all * 0.1f) + (0.01f * MathF.Sin((step * 31) + (slot * 7) + i)));
        }
    }

    /// <summary>What one slot of an evaluation finds: depends on all values.</summary>
    public static float Loss(ReadOnlySpan<float> values, int slot)
    {
        float sum = slot;
        foreach (float value in values)
        {
            sum += value;
        }

        return sum / (values.Length + 1);
    }
}
