using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Sampling;

namespace Lockstep.Training;

/// <summary>
/// Reads samples into tensors, on the slot's turn or ahead of it, and keeps the tensors for the next ones. Safe for several threads; a batch belongs to whoever took it until it is given back.
/// Holds the batches of one step that were read ahead, up to <see cref="MostBytes"/>, and as many that are free.
/// </summary>
/// <param name="seed">Of the job, whose samples are trained on; null: they are measured on.</param>
internal sealed class BatchReader(LossKind loss, IDataSource data, ulong? seed) : IDisposable
{
    /// <summary>Bytes of samples that are read ahead. What does not fit is read on its turn.</summary>
    private const long MostBytes = 64 << 20;

    /// <summary>Samples vary by other numbers than dropout draws.</summary>
    private const ulong Variation = 0x76617279;

    private readonly IReadOnlyList<DataField> _fields = data.Fields;
    private readonly long _sampleBytes = data.Fields.Sum(field => (long)field.Length * (field.Type == FieldType.Int64 ? sizeof(long) : sizeof(float)));
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

        Batch batch = Read(sampleIds, SeedOf(step, slot));
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

        return Read(sampleIds, SeedOf(step, slot));
    }

    /// <summary>Samples that no slot of a step has.</summary>
    public Batch Read(ReadOnlySpan<long> sampleIds) => Read(sampleIds, slotSeed: null);

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

    private ulong? SeedOf(long step, int slot) => seed is { } known ? CounterRandom.Key(known ^ Variation, (ulong)step, (ulong)slot) : null;

    private Batch Read(ReadOnlySpan<long> sampleIds, ulong? slotSeed)
    {
        Batch batch = Blank(sampleIds.Length);
        try
        {
            batch.Fill(data, sampleIds, slotSeed);
            return batch;
        }
        catch
        {
            GiveBack(batch);
            throw;
        }
    }

    private long BytesOf(int samples) => samples * _sampleBytes;

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

        return new Batch(samples, _fields, loss);
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
