using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Lockstep.Convergence;

/// <summary>The training loop that everybody writes: torch.nn modules, torch.optim, a whole batch at a time.</summary>
public sealed class PlainLoop : IDisposable
{
    private readonly IDataSet _data;
    private readonly nn.Module<Tensor, Tensor> _model;
    private readonly optim.Optimizer _optimizer;

    /// <param name="job">One of <see cref="Comparison.Job"/>.</param>
    /// <param name="initial">All parameters, module by module, weight before bias.</param>
    public PlainLoop(JobSpec job, IDataSet data, ReadOnlySpan<float> initial)
    {
        _data = data;
        _model = TorchModels.Create(job, data.SampleShape, data.Classes!.Value);
        foreach (var parameter in _model.parameters())
        {
            int length = (int)parameter.numel();
            initial[..length].CopyTo(MemoryMarshal.Cast<byte, float>(parameter.bytes));
            initial = initial[length..];
        }

        if (!initial.IsEmpty)
        {
            throw new ArgumentException($"{initial.Length} more parameters were given than the model has.", nameof(initial));
        }

        _optimizer = TorchOptimizers.Create(job.Optimizer, _model.parameters());
    }

    /// <summary>One update.</summary>
    /// <param name="parts">The samples of the batch; in several parts, torch adds up their gradients.</param>
    /// <returns>The batch's mean loss before it.</returns>
    public double Step(IReadOnlyList<long[]> parts)
    {
        using var scope = NewDisposeScope();
        long samples = parts.Sum(ids => ids.LongLength);
        double mean = 0;
        _optimizer.zero_grad();
        foreach (long[] ids in parts.Where(ids => ids.Length > 0))
        {
            Tensor features = empty([ids.Length, .. _data.SampleShape.Select(s => (long)s)]);
            var labels = new float[ids.Length];
            _data.Read(ids, MemoryMarshal.Cast<byte, float>(features.bytes), labels);
            Tensor classes = tensor(Array.ConvertAll(labels, label => (long)label));
            Tensor loss = nn.functional.cross_entropy(_model.forward(features), classes) * ((double)ids.Length / samples);
            loss.backward();
            mean += loss.item<float>();
        }

        _optimizer.step();
        return mean;
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _model.Dispose();
    }
}
