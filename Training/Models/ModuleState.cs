using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lockstep.Contracts;
using Lockstep.Core.Layout;
using TorchSharp;
using TorchSharp.Modules;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// A module's parameters and buffers as one flat vector, row-major, in the order in which torch lists them. They become views of it, so a version is taken on by one copy;
/// torch begins it at a multiple of 64 bytes, so each tensor lies alike in every process.
/// </summary>
/// <remarks>
/// A parameter that does not require a gradient is kept as a buffer that nothing moves. A tensor that stands under several names is there once, by its first. Buffers that are no floats are no part of the vector:
/// a single whole number is a counter, which is as far beyond its first value as steps were done; others stay as they were made.
/// </remarks>
internal sealed class ModuleState : IDisposable
{
    /// <summary>What a layout can hold.</summary>
    private const int MostElements = int.MaxValue - ModelLayout.ChunkElements;

    private readonly Tensor _memory;
    private readonly Tensor[] _tensors;
    private readonly bool[] _moves;
    private readonly List<(Tensor Tensor, Tensor First)> _constants = [];
    private readonly HashSet<nint> _identities = [];
    // The buffers of the version that was loaded, one after the other, and one of them as a slot left it.
    private readonly float[] _kept;
    private readonly float[] _after;
    private bool _isMoved;

    /// <summary>Takes over the module's tensors with their values.</summary>
    /// <param name="module">Stays the caller's.</param>
    /// <param name="what">For messages, such as "The model 'x'".</param>
    /// <exception cref="InputException">It has a tensor that cannot be trained.</exception>
    public ModuleState(torch.nn.Module module, string what)
    {
        var tensors = new List<Tensor>();
        var specs = new List<TensorSpec>();
        var moves = new List<bool>();
        foreach (var (name, tensor) in module.state_dict())
        {
            if (!_identities.Add(IdentityOf(tensor)))
            {
                continue;
            }

            if (tensor is not Parameter && tensor.dtype != torch.ScalarType.Float32)
            {
                _constants.Add((tensor, tensor.detach().clone().DetachFromDisposeScope()));
                continue;
            }

            if (tensor.dtype != torch.ScalarType.Float32 || tensor.numel() == 0)
            {
                throw new InputException(InputException.JobFile, 0, $"{what} has a parameter {name} of {tensor.dtype} and [{string.Join(", ", tensor.shape)}].", "Only float32 with at least one element can be trained.");
            }

            tensors.Add(tensor);
            moves.Add(tensor is not Parameter);
            specs.Add(new TensorSpec(name, tensor is Parameter && tensor.requires_grad ? TensorKind.Parameter : TensorKind.Buffer, [.. tensor.shape.Select(size => checked((int)size))]));
        }

        Specs = specs;
        ElementCount = specs.Sum(spec => spec.Elements);
        if (!specs.Any(spec => spec.Kind == TensorKind.Parameter) || ElementCount > MostElements)
        {
            throw new InputException(InputException.JobFile, 0, $"{what} has {ElementCount} elements in {Amount.Of(specs.Count, "tensor")}, {(ElementCount > MostElements ? $"of which there may be {MostElements}" : "and no parameter to train")}.", "Register them, or call RegisterComponents() at the end of each constructor.");
        }

        _tensors = [.. tensors];
        _moves = [.. moves];
        Trainable = [.. _tensors.Zip(Specs).Where(pair => pair.Second.Kind == TensorKind.Parameter).Select(pair => pair.First)];
        long[] lengths = [.. Specs.Zip(_moves).Where(pair => pair.Second).Select(pair => pair.First.Elements)];
        _kept = new float[lengths.Sum()];
        _after = new float[lengths.DefaultIfEmpty().Max()];
        _memory = torch.zeros(ElementCount, device: TorchRuntime.Device).DetachFromDisposeScope();
        Adopt();
    }

    public IReadOnlyList<TensorSpec> Specs { get; }

    /// <value>Length of the flat vector.</value>
    public long ElementCount { get; }

    /// <value>What gradients are taken of, in the order of <see cref="Specs"/>.</value>
    public Tensor[] Trainable { get; }

    /// <summary>Copies the values that the tensors have.</summary>
    /// <param name="flat">[ElementCount], overwritten.</param>
    public void CopyTo(Span<float> flat)
    {
        int offset = 0;
        foreach (Tensor tensor in _tensors)
        {
            int length = (int)tensor.numel();
            Read(tensor, flat.Slice(offset, length));
            offset += length;
        }
    }

    /// <summary>Sets all tensors.</summary>
    /// <param name="flat">[ElementCount]</param>
    public void Load(ReadOnlySpan<float> flat)
    {
        if (_memory.device_type == DeviceType.CPU)
        {
            flat.CopyTo(MemoryFrom(0, flat.Length));
        }
        else
        {
            int offset = 0;
            foreach (Tensor tensor in _tensors)
            {
                int length = (int)tensor.numel();
                Write(tensor, flat.Slice(offset, length));
                offset += length;
            }
        }

        Keep();
    }

    /// <summary>As the other, from pieces.</summary>
    /// <param name="parts">[ElementCount] in all, in order.</param>
    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts)
    {
        if (_memory.device_type != DeviceType.CPU)
        {
            Load(parts.SelectMany(part => part.ToArray()).ToArray());
            return;
        }

        int offset = 0;
        foreach (ReadOnlyMemory<float> part in parts.Where(part => part.Length > 0))
        {
            part.Span.CopyTo(MemoryFrom(offset, part.Length));
            offset += part.Length;
        }

        Keep();
    }

    /// <summary>Before a slot is computed, which may move buffers: they are those of the version that was loaded, and counters those of its step.</summary>
    public void Begin(long step)
    {
        PutBack();
        foreach ((Tensor tensor, Tensor first) in _constants)
        {
            using var noGrad = torch.no_grad();
            if (first.dim() == 0 && first.dtype == torch.ScalarType.Int64)
            {
                tensor.fill_(first.item<long>() + step);
            }
            else
            {
                tensor.copy_(first);
            }
        }

        _isMoved = _kept.Length > 0;
    }

    /// <summary>Puts buffers back to the version that was loaded, where a slot moved them.</summary>
    public void PutBack()
    {
        if (!_isMoved)
        {
            return;
        }

        int kept = 0;
        for (int i = 0; i < _tensors.Length; i++)
        {
            if (_moves[i])
            {
                int length = (int)Specs[i].Elements;
                Write(_tensors[i], _kept.AsSpan(kept, length));
                kept += length;
            }
        }

        _isMoved = false;
    }

    /// <summary>What a slot comes to, as one flat vector.</summary>
    /// <param name="gradients">Of <see cref="Trainable"/>; null stands for zeros.</param>
    /// <param name="share">Of the slot's samples in those of the step: what the move of a buffer counts.</param>
    /// <param name="flat">[ElementCount], overwritten.</param>
    public void Collect(IList<Tensor?> gradients, double share, Span<float> flat)
    {
        int offset = 0, parameter = 0, kept = 0;
        for (int i = 0; i < _tensors.Length; i++)
        {
            Span<float> target = flat.Slice(offset, (int)Specs[i].Elements);
            offset += target.Length;
            if (Specs[i].Kind == TensorKind.Parameter)
            {
                if (gradients[parameter++] is { } gradient)
                {
                    Read(gradient, target);
                }
                else
                {
                    target.Clear();
                }
            }
            else if (_moves[i])
            {
                Read(_tensors[i], _after.AsSpan(0, target.Length));
                for (int e = 0; e < target.Length; e++)
                {
                    float before = _kept[kept + e];
                    // One that is infinite, as a mask's, does not move.
                    target[e] = _after[e] == before ? 0 : (float)(share * ((double)_after[e] - before));
                }

                kept += target.Length;
            }
            else
            {
                target.Clear();
            }
        }
    }

    /// <summary>Whether a module still has the tensors that it was made with.</summary>
    /// <returns>The name of one that came later, or a text of what is missing; null: it has.</returns>
    public string? Changed(torch.nn.Module module)
    {
        Dictionary<string, Tensor> now = module.state_dict();
        return now.FirstOrDefault(entry => !_identities.Contains(IdentityOf(entry.Value))).Key
            ?? (now.Values.Select(IdentityOf).Distinct().Count() < _identities.Count ? "one that is gone" : null);
    }

    public void Dispose()
    {
        foreach ((_, Tensor first) in _constants)
        {
            first.Dispose();
        }

        _memory.Dispose();
    }

    /// <summary>What is equal for one tensor under several names: a handle is a <c>torch::Tensor</c>, which is a pointer to the tensor itself, and a module of TorchScript gives another handle for each name.</summary>
    private static nint IdentityOf(Tensor tensor) => Marshal.ReadIntPtr(tensor.Handle);

    public static void Read(Tensor source, Span<float> values)
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

    private static void Write(Tensor target, ReadOnlySpan<float> values)
    {
        if (target.device_type == DeviceType.CPU)
        {
            values.CopyTo(MemoryMarshal.Cast<byte, float>(target.bytes));
            return;
        }

        using var noGrad = torch.no_grad();
        using var host = torch.empty(target.shape);
        values.CopyTo(MemoryMarshal.Cast<byte, float>(host.bytes));
        target.copy_(host);
    }

    /// <summary>Takes down the buffers of the version that was loaded.</summary>
    private void Keep()
    {
        int kept = 0;
        for (int i = 0; i < _tensors.Length; i++)
        {
            if (_moves[i])
            {
                int length = (int)Specs[i].Elements;
                Read(_tensors[i], _kept.AsSpan(kept, length));
                kept += length;
            }
        }

        _isMoved = false;
    }

    /// <summary>Memory of the tensors on a CPU, which lie one behind the other. Not from the span of the whole, which ends at 2 GiB.</summary>
    private Span<float> MemoryFrom(int offset, int length) =>
        MemoryMarshal.CreateSpan(ref Unsafe.Add(ref Unsafe.As<byte, float>(ref MemoryMarshal.GetReference(_tensors[0].bytes)), offset), length);

    /// <summary>Makes the tensors views of the memory, which gets their values.</summary>
    private void Adopt()
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        long offset = 0;
        for (int i = 0; i < _tensors.Length; i++)
        {
            Tensor view = _memory.narrow(0, offset, Specs[i].Elements).view(_tensors[i].shape);
            view.copy_(_tensors[i]);
            _tensors[i].set_(view);
            offset += Specs[i].Elements;
        }

        Keep();
    }
}
