using Lockstep.Contracts.Jobs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lockstep.Convergence;

/// <summary>The optimizers of torch that a job's optimizers stand for.</summary>
public static class TorchOptimizers
{
    public static optim.Optimizer Create(OptimizerSpec spec, IEnumerable<Parameter> parameters) => spec.Kind switch
    {
        OptimizerKind.Sgd => optim.SGD(parameters, spec.LearningRate, spec.Momentum, dampening: 0, spec.WeightDecay, spec.Nesterov),
        OptimizerKind.Adam => optim.Adam(parameters, spec.LearningRate, spec.Beta1, spec.Beta2, spec.Epsilon, spec.WeightDecay),
        OptimizerKind.AdamW => optim.AdamW(parameters, spec.LearningRate, spec.Beta1, spec.Beta2, spec.Epsilon, spec.WeightDecay),
        OptimizerKind.Adagrad => optim.Adagrad(parameters, spec.LearningRate, lr_decay: 0, spec.WeightDecay, initial_accumulator_value: 0, spec.Epsilon),
        _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Kind, "There is no such optimizer."),
    };
}
