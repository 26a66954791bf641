using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Data;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// A model built from a job's layers: its tensors and its forward pass. Not thread-safe.
/// The flat model vector is the concatenation of <see cref="Tensors"/>, row-major.
/// Tensors are named as in a torch Sequential of the same layers: <c>0.weight</c>, <c>0.bias</c>, <c>1.running_mean</c>.
/// </summary>
public sealed class NeuralModel : IDisposable
{
    private readonly ModelPlan plan;
    private readonly ulong seed;
    // The flat model vector; the tensors are views of it, so a version is taken on by one copy. torch begins it at a multiple of 64 bytes, so each tensor lies alike in every process.
    private readonly Tensor memory;
    private readonly Tensor[] tensors;
    private readonly Window[] windows;
    private readonly bool hasBuffers;

    private NeuralModel(ModelPlan plan, ulong seed)
    {
        this.plan = plan;
        this.seed = seed;
        ElementCount = plan.Tensors.Sum(t => t.Elements);
        memory = torch.zeros(ElementCount, device: TorchRuntime.Device).DetachFromDisposeScope();
        tensors = new Tensor[plan.Tensors.Count];
        long offset = 0;
        for (var i = 0; i < tensors.Length; i++)
        {
            var spec = plan.Tensors[i];
            using var part = memory.narrow(0, offset, spec.Elements);
            using var shaped = part.view([.. spec.Shape.Select(s => (long)s)]);
            tensors[i] = shaped.detach().requires_grad_(spec.Kind == TensorKind.Parameter).DetachFromDisposeScope();
            offset += spec.Elements;
        }

        IsRandom = plan.Layers.Any(l => l.Kind == LayerKind.Dropout);
        hasBuffers = plan.Tensors.Any(t => t.Kind == TensorKind.Buffer);
        windows = [.. plan.Layers.Select(l => new Window(l))];
    }

    public IReadOnlyList<TensorSpec> Tensors => plan.Tensors;

    /// <value>Length of the flat model vector.</value>
    public long ElementCount { get; }

    /// <value>Shape of one sample that goes in.</value>
    public IReadOnlyList<int> Input => plan.Input;

    /// <value>Values that come out for one sample.</value>
    public int Outputs => plan.Outputs;

    /// <value>The fewest samples that a slot may have (an empty slot aside): 2 where a batch norm would otherwise see one value a channel.</value>
    public int MinimumSlotSamples => plan.MinimumSlotSamples;

    /// <value>Whether training draws random numbers.</value>
    internal bool IsRandom { get; }

    /// <value>Samples whose values between two layers fit into 256 MiB; 1,024 at most.</value>
    public int SamplesAtOnce => (int)Math.Clamp((1 << 26) / plan.Layers.SelectMany(l => new[] { l.Input, l.Output }).Max(shape => shape.Aggregate(1L, (product, size) => product * size)), 1, 1024);

    internal IReadOnlyList<Tensor> Values => tensors;

    /// <summary>The tensors that a job's model has, without making any.</summary>
    /// <param name="sampleShape">Shape of one sample, without the batch.</param>
    /// <param name="outputs">See <see cref="OutputsFor"/>.</param>
    /// <exception cref="InputException">Shapes, layers, loss and metrics don't fit together.</exception>
    public static IReadOnlyList<TensorSpec> TensorsOf(JobSpec job, IReadOnlyList<int> sampleShape, int outputs) => ModelPlan.Create(job, sampleShape, outputs).Tensors;

    /// <summary>Builds the model at version 0, whose bits follow from the job's seed alone.</summary>
    /// <param name="sampleShape">Shape of one sample, without the batch.</param>
    /// <param name="outputs">See <see cref="OutputsFor"/>.</param>
    /// <exception cref="InputException">Shapes, layers, loss and metrics don't fit together.</exception>
    public static NeuralModel Build(JobSpec job, IReadOnlyList<int> sampleShape, int outputs)
    {
        TorchRuntime.UseThreads(job.ThreadsPerWorker);
        var model = new NeuralModel(ModelPlan.Create(job, sampleShape, outputs), job.Seed);
        var flat = new float[model.ElementCount];
        model.CopyInitial(flat);
        model.Load(flat);
        return model;
    }

    /// <summary>The number of outputs that a loss needs on a data set: label columns (mse, mae), classes (cross-entropy) or 1 (binary cross-entropy).</summary>
    /// <exception cref="InputException">The labels don't suit the loss.</exception>
    public static int OutputsFor(JobSpec job, IDataSet data) => job.Loss switch
    {
        LossKind.CrossEntropy => data.Classes ?? throw new InputException(job.Data.Train, 0, "The loss cross-entropy needs one label column of classes.", "Name one column in 'labels'; for numbers take the loss mse or mae."),
        LossKind.BinaryCrossEntropy => data.Classes switch
        {
            2 => 1,
            1 => throw new InputException(job.Data.Train, 0, "All labels are of one class, and binary cross-entropy tells two apart.", "Give data with both."),
            { } more => throw new InputException(job.Data.Train, 0, $"The labels have {more} classes, and binary cross-entropy tells two apart.", "Take the loss cross-entropy."),
            null => throw new InputException(job.Data.Train, 0, "The loss binary-cross-entropy needs one label column of two classes.", "Name one column in 'labels'; for numbers take the loss mse or mae."),
        },
        _ => data.LabelWidth,
    };

    /// <summary>Copies version 0, whatever the model holds now.</summary>
    /// <param name="flat">[ElementCount], overwritten.</param>
    public void CopyInitial(Span<float> flat)
    {
        CheckLength(flat.Length);
        Initialization.Fill(plan, seed, flat);
    }

    /// <summary>Sets all tensors. Nothing else ever changes them.</summary>
    /// <param name="flat">[ElementCount]</param>
    public void Load(ReadOnlySpan<float> flat)
    {
        CheckLength(flat.Length);
        if (flat.IsEmpty)
        {
            return;
        }

        if (memory.device_type == DeviceType.CPU)
        {
            flat.CopyTo(MemoryFrom(0, flat.Length));
            return;
        }

        using var noGrad = torch.no_grad();
        var offset = 0;
        foreach (var tensor in tensors)
        {
            using var host = torch.empty(tensor.shape);
            var values = MemoryMarshal.Cast<byte, float>(host.bytes);
            flat.Slice(offset, values.Length).CopyTo(values);
            tensor.copy_(host);
            offset += values.Length;
        }
    }

    /// <summary>As the other, from pieces.</summary>
    /// <param name="parts">[ElementCount] in all, in model order.</param>
    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts)
    {
        CheckLength(parts.Sum(p => p.Length));
        if (memory.device_type != DeviceType.CPU)
        {
            var flat = new float[ElementCount];
            Gather(parts, flat);
            Load(flat);
            return;
        }

        var offset = 0;
        foreach (var part in parts.Where(p => p.Length > 0))
        {
            part.Span.CopyTo(MemoryFrom(offset, part.Length));
            offset += part.Length;
        }
    }

    /// <summary>Evaluates the layers: nothing is dropped, and batch norm goes by the buffers.</summary>
    /// <param name="input">[batch, …Input]</param>
    /// <returns>[batch, Outputs]; logits for the cross-entropies. Belongs to the caller's dispose scope.</returns>
    internal Tensor Evaluate(Tensor input) => Forward(input, tensors, training: false);

    /// <summary>Evaluates the layers as training does: dropout drops by torch's generator, and batch norm goes by the batch.</summary>
    /// <param name="input">[batch, …Input]</param>
    /// <returns>
    /// Output: as of <see cref="Evaluate"/>. After: one a tensor of <see cref="Tensors"/>, a buffer as the batch moved it. Both belong to the caller's dispose scope.
    /// </returns>
    internal (Tensor Output, Tensor[] After) Train(Tensor input)
    {
        Tensor[] after = !hasBuffers ? tensors : [.. tensors.Zip(plan.Tensors, (tensor, spec) => spec.Kind == TensorKind.Buffer ? tensor.clone() : tensor)];
        return (Forward(input, after, training: true), after);
    }

    internal static void Read(Tensor source, Span<float> values)
    {
        if (source.device_type == DeviceType.CPU && source.is_contiguous())
        {
            MemoryMarshal.Cast<byte, float>(source.bytes).CopyTo(values);
            return;
        }

        using var detached = source.detach();
        using var host = detached.cpu();
        using var contiguous = host.contiguous();
        MemoryMarshal.Cast<byte, float>(contiguous.bytes).CopyTo(values);
    }

    public void Dispose()
    {
        foreach (var tensor in tensors)
        {
            tensor.Dispose();
        }

        memory.Dispose();
    }

    private Tensor Forward(Tensor input, Tensor[] values, bool training)
    {
        var x = input;
        for (var i = 0; i < plan.Layers.Count; i++)
        {
            x = Apply(plan.Layers[i], windows[i], x, values, training);
        }

        return x;
    }

    private static Tensor Apply(Layer layer, Window window, Tensor x, Tensor[] values, bool training)
    {
        Tensor At(int i) => values[layer.FirstTensor + i];
        return layer.Kind switch
        {
            LayerKind.Linear => F.linear(x, At(0), layer.Bias ? At(1) : null),
            LayerKind.Conv2d => F.conv2d(x, At(0), layer.Bias ? At(1) : null, window.Stride, window.Padding),
            LayerKind.MaxPool2d => F.max_pool2d(x, window.Size, window.Stride, window.Padding),
            LayerKind.AvgPool2d => F.avg_pool2d(x, window.Size, window.Stride, window.Padding),
            LayerKind.BatchNorm => F.batch_norm(x, At(2), At(3), At(0), At(1), training, layer.Momentum, layer.Epsilon),
            LayerKind.LayerNorm => F.layer_norm(x, window.Input, At(0), At(1), layer.Epsilon),
            LayerKind.Dropout => F.dropout(x, layer.P, training),
            LayerKind.Flatten => x.flatten(1),
            LayerKind.Relu => F.relu(x),
            LayerKind.Gelu => F.gelu(x),
            LayerKind.Tanh => x.tanh(),
            LayerKind.Sigmoid => x.sigmoid(),
            LayerKind.Softmax => F.softmax(x, 1),
            _ => throw new InvalidOperationException($"Layer kind {layer.Kind} was not refused when the model was built."),
        };
    }

    private static void Gather(IReadOnlyList<ReadOnlyMemory<float>> parts, Span<float> flat)
    {
        foreach (var part in parts)
        {
            part.Span.CopyTo(flat);
            flat = flat[part.Length..];
        }
    }

    /// <summary>Memory of the tensors on a CPU, which lie one behind the other. Not from the span of the whole, which ends at 2 GiB.</summary>
    private Span<float> MemoryFrom(int offset, int length) =>
        MemoryMarshal.CreateSpan(ref Unsafe.Add(ref Unsafe.As<byte, float>(ref MemoryMarshal.GetReference(tensors[0].bytes)), offset), length);

    private void CheckLength(int length)
    {
        if (length != ElementCount)
        {
            throw new ArgumentException($"The model has {ElementCount} elements, the vector {length}.");
        }
    }

    /// <summary>A layer's numbers as torch takes them, made once.</summary>
    private sealed class Window(Layer layer)
    {
        public long[] Size { get; } = [layer.Kernel, layer.Kernel];
        public long[] Stride { get; } = [layer.Stride, layer.Stride];
        public long[] Padding { get; } = [layer.Padding, layer.Padding];
        public long[] Input { get; } = [.. layer.Input.Select(s => (long)s)];
    }
}
