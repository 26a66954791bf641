using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Convergence;
using Lockstep.Core.Optimizers;
using static TorchSharp.torch;

namespace Lockstep.SystemBenchmark.Bare;

/// <summary>What turns the gradients of a plain loop's model into its next parameters.</summary>
internal interface IPlainUpdate : IDisposable
{
    void Apply(long step);
}

internal sealed class TorchUpdate(JobSpec job, nn.Module model) : IPlainUpdate
{
    private readonly optim.Optimizer _optimizer = TorchOptimizers.Create(job.Optimizer, model.parameters());

    public void Apply(long step) => _optimizer.step();

    public void Dispose() => _optimizer.Dispose();
}

/// <summary>The parameter servers' update, called in the process that computes, on torch's own memory.</summary>
internal sealed class OurUpdate : IPlainUpdate
{
    private readonly Optimizer _optimizer;
    private readonly double _rate;
    private readonly (TorchSharp.Modules.Parameter Values, float[] State1, float[] State2)[] _parameters;

    public OurUpdate(JobSpec job, nn.Module model)
    {
        _optimizer = Optimizer.Create(job.Optimizer);
        _rate = job.Optimizer.LearningRate;
        _parameters = [.. model.parameters().Select(p => (p, new float[_optimizer.StateArrays > 0 ? p.numel() : 0], new float[_optimizer.StateArrays > 1 ? p.numel() : 0]))];
    }

    public void Apply(long step)
    {
        OptimizerScalars scalars = _optimizer.Scalars(step, _rate);
        foreach (var (parameter, state1, state2) in _parameters)
        {
            Span<float> values = MemoryMarshal.Cast<byte, float>(parameter.bytes);
            _optimizer.Update(scalars, 1, MemoryMarshal.Cast<byte, float>(parameter.grad!.bytes), values, state1, state2, values, state1, state2);
        }
    }

    public void Dispose()
    {
    }
}
