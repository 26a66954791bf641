using Lockstep.Contracts.Jobs;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>The jobs that the oracle is asked about.</summary>
internal static class Cases
{
    private static readonly StubJob Plain = new();

    public static readonly IReadOnlyDictionary<string, StubJob> All = new SortedDictionary<string, StubJob>(StringComparer.Ordinal)
    {
        ["plain"] = Plain,
        ["noise"] = Plain with { Noise = true },
        ["buffers"] = Plain with { Buffers = true },
        ["ragged"] = Plain with { Samples = 47, GlobalBatch = 13 },
        ["clipped"] = Plain with { Optimizer = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.05, ClipNorm = 0.5 } },
        ["momentum"] = Plain with { Optimizer = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.05, Momentum = 0.9, WeightDecay = 1e-3 } },
        ["nesterov"] = Plain with { Optimizer = new() { Kind = OptimizerKind.Sgd, LearningRate = 0.05, Momentum = 0.9, Nesterov = true }, Schedule = new() { Kind = ScheduleKind.Cosine, WarmupSteps = 2 } },
        ["adam"] = Plain with { Optimizer = new() { Kind = OptimizerKind.Adam, LearningRate = 0.01 } },
        ["adamw"] = Plain with { Optimizer = new() { Kind = OptimizerKind.AdamW, LearningRate = 0.01, WeightDecay = 0.01 } },
        ["adagrad"] = Plain with { Optimizer = new() { Kind = OptimizerKind.Adagrad, LearningRate = 0.01 } },
        ["narrow"] = Plain with { Contribution = 16, Buffers = true, SpikeStep = 4 },
        ["rounded"] = Plain with { Pull = PullFormat.BFloat16, Buffers = true },
        ["overflow"] = Plain with { SpikeStep = 4 },
        ["everything"] = Plain with { Noise = true, Buffers = true, Samples = 47, GlobalBatch = 13, SpikeStep = 5, Optimizer = new() { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = 0.5 } },
        ["everything in half"] = Plain with { Contribution = 16, Pull = PullFormat.BFloat16, Noise = true, Buffers = true, Samples = 47, GlobalBatch = 13, SpikeStep = 5, Optimizer = new() { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = 0.5 } },
    };
}
