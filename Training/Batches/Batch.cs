using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Sampling;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Samples of one slot, in the memory of this process.</summary>
internal sealed class Batch : IDisposable
{
    private readonly IReadOnlyList<DataField> _fields;
    private readonly Tensor[] _tensors;
    private readonly nint[] _starts;
    private readonly Dictionary<string, Tensor> _inputs;
    private readonly Dictionary<string, Tensor> _labels;
    private readonly int _label;

    public Batch(int samples, IReadOnlyList<DataField> fields, LossKind loss)
    {
        _fields = fields;
        SampleIds = new long[samples];
        _tensors = [.. fields.Select(field => torch.empty([samples, .. field.Shape], field.Type == FieldType.Int64 ? torch.ScalarType.Int64 : torch.ScalarType.Float32).DetachFromDisposeScope())];
        _starts = [.. _tensors.Select(Start)];
        _inputs = Named(isLabel: false);
        _labels = Named(isLabel: true);
        _label = fields.Index().FirstOrDefault(field => field.Item.IsLabel, (-1, null!)).Item1;
        int width = _label < 0 ? 0 : fields[_label].Length;
        RawLabels = new float[samples * width];
        Target = _label < 0 || loss == LossKind.Model ? null
            : (loss == LossKind.CrossEntropy ? torch.empty(width > 1 ? [samples, width] : [samples], torch.ScalarType.Int64) : torch.empty([samples, width])).DetachFromDisposeScope();
    }

    public long[] SampleIds { get; }

    /// <value>What losses of the job file take: classes: [samples] of int64, or [samples, positions]; else [samples, width of the first label]. Null: there is no label, or the loss is the model's own.</value>
    public Tensor? Target { get; }

    /// <value>[samples × width of the first label]</value>
    public float[] RawLabels { get; }

    /// <summary>By field: [samples, …shape].</summary>
    public IReadOnlyDictionary<string, Tensor> InputsOn(torch.Device device) => On(device, _inputs);

    /// <summary>By field: [samples, …shape].</summary>
    public IReadOnlyDictionary<string, Tensor> LabelsOn(torch.Device device) => On(device, _labels);

    /// <summary>Reads samples into the tensors.</summary>
    /// <param name="slotSeed">What samples may vary by, together with their indexes; null: they are read as they are.</param>
    public void Fill(IDataSource source, ReadOnlySpan<long> sampleIds, ulong? slotSeed)
    {
        sampleIds.CopyTo(SampleIds);
        for (int i = 0; i < sampleIds.Length; i++)
        {
            source.Read(sampleIds[i], new Sample(_fields, _starts, i, slotSeed is { } seed ? CounterRandom.Key(seed, (ulong)sampleIds[i], 0) : null));
        }

        SetLabels();
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors)
        {
            tensor.Dispose();
        }

        Target?.Dispose();
    }

    /// <summary>Makes <see cref="RawLabels"/> and <see cref="Target"/> of the first label.</summary>
    private void SetLabels()
    {
        if (_label < 0)
        {
            return;
        }

        if (_fields[_label].Type == FieldType.Float32)
        {
            MemoryMarshal.Cast<byte, float>(_tensors[_label].bytes).CopyTo(RawLabels);
        }
        else
        {
            ReadOnlySpan<long> integers = MemoryMarshal.Cast<byte, long>(_tensors[_label].bytes);
            for (int i = 0; i < integers.Length; i++)
            {
                RawLabels[i] = integers[i];
            }
        }

        if (Target?.dtype == torch.ScalarType.Int64)
        {
            Span<long> classes = MemoryMarshal.Cast<byte, long>(Target.bytes);
            for (int i = 0; i < classes.Length; i++)
            {
                classes[i] = (long)RawLabels[i];
            }
        }
        else if (Target is not null)
        {
            RawLabels.CopyTo(MemoryMarshal.Cast<byte, float>(Target.bytes));
        }
    }

    private Dictionary<string, Tensor> Named(bool isLabel) =>
        _fields.Zip(_tensors).Where(pair => pair.First.IsLabel == isLabel).ToDictionary(pair => pair.First.Name, pair => pair.Second, StringComparer.Ordinal);

    private static IReadOnlyDictionary<string, Tensor> On(torch.Device device, Dictionary<string, Tensor> tensors) =>
        device.type == DeviceType.CPU ? tensors : tensors.ToDictionary(pair => pair.Key, pair => pair.Value.to(device), StringComparer.Ordinal);

    private static unsafe nint Start(Tensor tensor) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
}
