using System.Diagnostics;
using Lockstep.Core.Metrics;
using Lockstep.Core.Sampling;
using Lockstep.Training;
using Lockstep.Worker.Loop;

namespace Lockstep.SystemBenchmark.Stubs;

/// <summary>Computes nothing: every slot has the same gradient, which is there already. Keeps what it loads, as a model does, and notes when steps begin.</summary>
internal sealed class StubTrainer : ITrainer
{
    private readonly float[] _gradient;
    private readonly float[] _values;
    private readonly Lock _gate = new();
    private readonly List<(long Step, long At)> _begun = [];
    private bool _filled;

    public StubTrainer(int elements)
    {
        _values = new float[elements];
        _gradient = new float[elements];
        for (int i = 0; i < elements; i++)
        {
            // About a thousandth, either sign.
            _gradient[i] = ((CounterRandom.Key(1, 2, (ulong)i) >> 40) * (2e-3f / (1 << 24))) - 1e-3f;
        }
    }

    public int ElementCount => _values.Length;

    public long ValidationSamples => 0;

    /// <summary>Steps with the time at which this worker began its first slot of each, ascending.</summary>
    public IReadOnlyList<(long Step, long At)> Begun
    {
        get
        {
            lock (_gate)
            {
                return [.. _begun];
            }
        }
    }

    public void CopyInitial(Span<float> values) => values.Clear();

    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts)
    {
        int at = 0;
        foreach (ReadOnlyMemory<float> part in parts)
        {
            part.Span.CopyTo(_values.AsSpan(at));
            at += part.Length;
        }
    }

    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds) => true;

    public SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
    {
        lock (_gate)
        {
            if (_begun.Count == 0 || _begun[^1].Step < step)
            {
                _begun.Add((step, Stopwatch.GetTimestamp()));
            }
        }

        // The caller's memory is the same every time.
        if (!_filled)
        {
            _gradient.CopyTo(gradient);
            _filled = true;
        }

        return new SlotResult(sampleIds.Length, sampleIds.Length);
    }

    public EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds) => throw new NotSupportedException("A stub has no validation data.");

    public void Dispose()
    {
    }
}
