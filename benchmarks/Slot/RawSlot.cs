using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Data;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Slot;

/// <summary>What a slot costs without us: the same layers called on tensors that are there already, gradients copied to one flat array.</summary>
internal sealed class RawSlot : IDisposable
{
    private readonly List<(LayerKind Kind, Tensor[] Parameters, int Padding, int Window)> _layers = [];
    private readonly Tensor[] _parameters;
    private readonly float[] _gradient;
    private readonly double[] _split = new double[3];
    private int _calls;
    private readonly Tensor _features;
    private readonly Tensor _labels;

    /// <param name="values">Of the parameters, one after the other.</param>
    public RawSlot(SlotCase one, IReadOnlyList<TensorSpec> tensors, ReadOnlySpan<float> values, IDataSet data)
    {
        _gradient = new float[values.Length];
        _parameters = new Tensor[tensors.Count];
        for (int i = 0; i < _parameters.Length; i++)
        {
            int length = (int)tensors[i].Elements;
            _parameters[i] = torch.tensor(values[..length].ToArray(), [.. tensors[i].Shape.Select(s => (long)s)], requires_grad: true);
            values = values[length..];
        }

        int next = 0;
        foreach (LayerSpec layer in one.Job.Model.Layers)
        {
            int count = layer.Kind is LayerKind.Linear or LayerKind.Conv2d ? 2 : 0;
            _layers.Add((layer.Kind, _parameters[next..(next + count)], layer.Padding ?? 0, layer.Kernel ?? 2));
            next += count;
        }

        var features = new float[one.Samples * data.FeatureCount];
        var labels = new float[one.Samples * data.LabelWidth];
        data.Read([.. Enumerable.Range(0, one.Samples).Select(i => (long)i)], features, labels);
        IReadOnlyList<int> shape = one.Job.Model.Input ?? data.SampleShape;
        _features = torch.tensor(features, [one.Samples, .. shape.Select(s => (long)s)]);
        _labels = torch.tensor(Array.ConvertAll(labels, label => (long)label));
    }

    /// <value>Means in microseconds of processor time.</value>
    public (double Forward, double Backward, double Copy) Split => (_split[0] / _calls, _split[1] / _calls, _split[2] / _calls);

    public void ClearSplit()
    {
        Array.Clear(_split);
        _calls = 0;
    }

    /// <summary>One slot, its gradient in one flat array.</summary>
    /// <returns>0.</returns>
    public double Run()
    {
        double started = ThreadClock.Now;
        using var scope = torch.NewDisposeScope();
        Tensor x = _features;
        foreach (var (kind, p, padding, window) in _layers)
        {
            x = kind switch
            {
                LayerKind.Linear => F.linear(x, p[0], p[1]),
                LayerKind.Conv2d => F.conv2d(x, p[0], p[1], padding: [padding, padding]),
                LayerKind.MaxPool2d => F.max_pool2d(x, window),
                LayerKind.Relu => F.relu(x),
                LayerKind.Flatten => x.flatten(1),
                _ => throw new NotSupportedException($"{kind} is not measured."),
            };
        }

        Tensor loss = F.cross_entropy(x, _labels, reduction: torch.nn.Reduction.Sum);
        Tensor scaled = loss / 64;
        double forward = ThreadClock.Now;
        IList<Tensor> gradients = torch.autograd.grad([scaled], _parameters);
        double backward = ThreadClock.Now;
        int at = 0;
        foreach (Tensor tensor in gradients)
        {
            Span<float> values = MemoryMarshal.Cast<byte, float>(tensor.bytes);
            values.CopyTo(_gradient.AsSpan(at));
            at += values.Length;
        }

        loss.item<float>();
        double copy = ThreadClock.Now;
        _split[0] += forward - started;
        _split[1] += backward - forward;
        _split[2] += copy - backward;
        _calls++;
        return 0;
    }

    public void Dispose()
    {
        foreach (Tensor parameter in _parameters)
        {
            parameter.Dispose();
        }

        _features.Dispose();
        _labels.Dispose();
    }
}
