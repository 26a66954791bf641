using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Sampling;
using Lockstep.Training;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>A gradient that is a fixed function of (values, step, slot, samples).</summary>
/// <param name="beforeRun">Called on the compute thread with (step, slot) before a slot is computed: it may wait, as a slow machine does.</param>
internal class StubTrainer(StubJob job, Action<long, int>? beforeRun = null, Action? beforeEvaluate = null) : ITrainer
{
    private readonly TensorKind[] _kinds = [.. job.Tensors.SelectMany(t => Enumerable.Repeat(t.Kind, (int)t.Elements))];
    private readonly float[] _values = new float[job.Tensors.Sum(t => t.Elements)];

    public int ElementCount => _values.Length;

    public long ValidationSamples => job.ValidationSamples;

    protected ReadOnlySpan<float> Values => _values;

    public virtual void CopyInitial(Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = MathF.Sin(i);
        }
    }

    public void Load(IReadOnlyList<ReadOnlyMemory<float>> parts)
    {
        int at = 0;
        foreach (ReadOnlyMemory<float> part in parts)
        {
            part.Span.CopyTo(_values.AsSpan(at));
            at += part.Length;
        }
    }

    public bool Prepare(long step, int slot, ReadOnlySpan<long> sampleIds) => false;

    public SlotResult Run(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
    {
        beforeRun?.Invoke(step, slot);
        return Compute(step, slot, sampleIds, stepSampleCount, gradient);
    }

    public EvaluationPart Evaluate(ReadOnlySpan<long> sampleIds)
    {
        beforeEvaluate?.Invoke();
        double loss = 0;
        foreach (long id in sampleIds)
        {
            loss += Math.Sin(id + _values[(int)(id % _values.Length)]);
        }

        return new EvaluationPart(sampleIds.Length, loss, [loss / 2], [], []);
    }

    public void Dispose()
    {
    }

    protected virtual SlotResult Compute(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
    {
        ulong key = CounterRandom.Key(StubJob.Seed, (ulong)step, (ulong)slot);
        float scale = step == job.SpikeStep && slot == job.Slots / 2 ? 5000 : 1;
        float share = (float)sampleIds.Length / stepSampleCount;
        double loss = 0;
        gradient.Clear();
        foreach (long id in sampleIds)
        {
            float phase = CounterRandom.Uniform(StubJob.Seed, id, 3);
            for (int i = 0; i < gradient.Length; i++)
            {
                gradient[i] += ((0.3f * _values[i]) + (phase * ((i % 7) - 3))) / stepSampleCount;
            }

            loss += Math.Abs(phase);
        }

        for (int i = 0; i < gradient.Length; i++)
        {
            if (_kinds[i] == TensorKind.Buffer)
            {
                gradient[i] = 0.1f * share * (gradient[i] - _values[i]);
            }
            else
            {
                gradient[i] *= job.Noise && CounterRandom.Uniform(key, i, 1) < 0 ? 0 : scale;
            }
        }

        return new SlotResult(sampleIds.Length, loss);
    }
}
