using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Data;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>
/// Reads samples into tensors, on the slot's turn or ahead of it, and keeps the tensors for the next ones. Safe for several threads; a batch belongs to whoever took it until it is given back.
/// Holds the batches of one step that were read ahead, up to <see cref="MostBytes"/>, and as many that are free.
/// </summary>
/// <param name="input">Shape of one sample as the model takes it.</param>
internal sealed class BatchReader(JobSpec job, IReadOnlyList<int> input, IDataSet data) : IDisposable
{
    /// <summary>Bytes of features that are read ahead. What does not fit is read on its turn.</summary>
    private const long MostBytes = 64 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, Batch> _ahead = [];
    private readonly Stack<Batch> _free = new();
    private long _step = -1;
    private long _bytes;
    private bool _disposed;

    /// <summary>Reads a slot's samples ahead. What was read ahead for another step is let go of.</summary>
    /// <returns>Whether there was room.</returns>
    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return false;
            }

            if (step != _step)
            {
                foreach (Batch old in _ahead.Values)
                {
                    Free(old);
                }

                _ahead.Clear();
                _bytes = 0;
                _step = step;
            }

            if (_ahead.ContainsKey(slot))
            {
                return true;
            }

            if (_bytes + BytesOf(sampleIds.Length) > MostBytes)
            {
                return false;
            }
        }

        Batch batch = Read(sampleIds);
        lock (_gate)
        {
            if (_step == step && _ahead.TryAdd(slot, batch))
            {
                _bytes += BytesOf(sampleIds.Length);
            }
            else
            {
                Free(batch);
            }
        }

        return true;
    }

    /// <summary>A slot's samples, read ahead or now.</summary>
    public Batch Take(long step, int slot, ReadOnlySpan<long> sampleIds)
    {
        lock (_gate)
        {
            if (step == _step && _ahead.Remove(slot, out Batch? ahead))
            {
                _bytes -= BytesOf(ahead.SampleIds.Length);
                if (sampleIds.SequenceEqual(ahead.SampleIds))
                {
                    return ahead;
                }

                Free(ahead);
            }
        }

        return Read(sampleIds);
    }

    /// <summary>Samples that no slot of a step has.</summary>
    public Batch Read(ReadOnlySpan<long> sampleIds)
    {
        Batch batch = Blank(sampleIds.Length);
        try
        {
            sampleIds.CopyTo(batch.SampleIds);
            data.Read(sampleIds, MemoryMarshal.Cast<byte, float>(batch.Features.bytes), batch.RawLabels);
            batch.SetLabels();
            return batch;
        }
        catch
        {
            GiveBack(batch);
            throw;
        }
    }

    /// <summary>Its tensors are overwritten by another batch from now on.</summary>
    public void GiveBack(Batch batch)
    {
        lock (_gate)
        {
            Free(batch);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (Batch batch in _ahead.Values.Concat(_free))
            {
                batch.Dispose();
            }

            _ahead.Clear();
            _free.Clear();
            _step = -1;
        }
    }

    private long BytesOf(int samples) => (long)samples * data.FeatureCount * sizeof(float);

    private Batch Blank(int samples)
    {
        lock (_gate)
        {
            // Slots differ by one sample at most, but for the last step of an epoch.
            if (_free.TryPop(out Batch? free))
            {
                if (free.SampleIds.Length == samples)
                {
                    return free;
                }

                free.Dispose();
            }
        }

        return new Batch(samples, input, data.LabelWidth, job.Loss == LossKind.CrossEntropy);
    }

    private void Free(Batch batch)
    {
        if (_disposed || _free.Count * BytesOf(batch.SampleIds.Length) >= MostBytes)
        {
            batch.Dispose();
            return;
        }

        _free.Push(batch);
    }
}

/// <summary>Samples of one slot, in the memory of this process.</summary>
internal sealed class Batch : IDisposable
{
    public Batch(int samples, IReadOnlyList<int> input, int labelWidth, bool areClasses)
    {
        SampleIds = new long[samples];
        RawLabels = new float[samples * labelWidth];
        Features = torch.empty([samples, .. input.Select(s => (long)s)]).DetachFromDisposeScope();
        Labels = (areClasses ? torch.empty([samples], torch.ScalarType.Int64) : torch.empty([samples, labelWidth])).DetachFromDisposeScope();
    }

    public long[] SampleIds { get; }

    /// <value>[samples, …input]</value>
    public Tensor Features { get; }

    /// <value>Classes: [samples] of int64; else [samples, labelWidth].</value>
    public Tensor Labels { get; }

    /// <value>[samples × labelWidth]</value>
    public float[] RawLabels { get; }

    /// <summary>Makes <see cref="Labels"/> of <see cref="RawLabels"/>.</summary>
    public void SetLabels()
    {
        if (Labels.dtype != torch.ScalarType.Int64)
        {
            RawLabels.CopyTo(MemoryMarshal.Cast<byte, float>(Labels.bytes));
            return;
        }

        Span<long> classes = MemoryMarshal.Cast<byte, long>(Labels.bytes);
        for (int i = 0; i < classes.Length; i++)
        {
            classes[i] = (long)RawLabels[i];
        }
    }

    public void Dispose()
    {
        Features.Dispose();
        Labels.Dispose();
    }
}
