using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Lockstep.Data;
using Lockstep.Training;

namespace Lockstep.Slot;

/// <summary>Slots as a worker computes them, each of other samples. Each call returns the microseconds that it spent on what is not measured.</summary>
internal sealed class OurSlot : IDisposable
{
    private readonly SlotCase _case;
    private readonly IDataSet _data;
    private readonly SlotTrainer _trainer;
    private readonly float[] _gradient;
    private readonly float[] _features;
    private readonly float[] _labels;
    private readonly long[] _ids;
    private long _step;

    public OurSlot(SlotCase one, NeuralModel model, IDataSet data)
    {
        _case = one;
        _data = data;
        _trainer = new SlotTrainer(one.Job, model, data);
        Values = new float[_trainer.ElementCount];
        _gradient = new float[_trainer.ElementCount];
        _features = new float[one.Samples * data.FeatureCount];
        _labels = new float[one.Samples * data.LabelWidth];
        _ids = new long[one.Samples];
        _trainer.CopyInitial(Values);
        _trainer.Load(Values);
    }

    /// <value>The version that slots are computed at.</value>
    public float[] Values { get; }

    public double Run()
    {
        Draw();
        _trainer.Run(_step, 0, _ids, _ids.Length, _gradient);
        return 0;
    }

    public double RunAhead()
    {
        Draw();
        double started = ThreadClock.Now;
        _trainer.Prepare(_step, 0, _ids);
        double read = ThreadClock.Now - started;
        _trainer.Run(_step, 0, _ids, _ids.Length, _gradient);
        return read;
    }

    public double Read()
    {
        Draw();
        _data.Read(_ids, _features, _labels);
        return 0;
    }

    public double Load()
    {
        _trainer.Load(Values);
        return 0;
    }

    /// <summary>Hexadecimal, over gradients, losses and metrics of a few slots. Zeros of either sign count as one: their integers are the same.</summary>
    public string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int step = 0; step < 8; step++)
        {
            var ids = new long[_case.Samples - (step % 3)];
            for (int i = 0; i < ids.Length; i++)
            {
                ids[i] = ((step * 7919L) + (i * 104729L)) % _data.Count;
            }

            SlotResult result = _trainer.Run(step, step, ids, 64 + _case.Samples, _gradient);
            foreach (ref float value in _gradient.AsSpan())
            {
                value += 0f;
            }

            hash.AppendData(MemoryMarshal.AsBytes(_gradient.AsSpan()));
            hash.AppendData(BitConverter.GetBytes(result.LossSum));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    public void Dispose() => _trainer.Dispose();

    private void Draw()
    {
        _step++;
        for (int i = 0; i < _ids.Length; i++)
        {
            _ids[i] = ((_step * 7919) + (i * 104729L)) % _data.Count;
        }
    }
}
