namespace Lockstep.Core.Sampling;

/// <summary>
/// Which samples belong to which slot of which step. Each epoch has a permutation of its own and uses every sample once; the last step of an epoch may be smaller,
/// or larger by a remainder that is too small for a step of its own.
/// </summary>
public sealed class StepSampler
{
    private readonly long _samples;
    private readonly int _globalBatch;
    private readonly int _slots;
    private readonly ulong _seed;
    private readonly int _minimum;

    /// <param name="samples">Samples of the training data.</param>
    /// <param name="globalBatch">Samples of a step.</param>
    /// <param name="slots">M.</param>
    /// <param name="minimumPerSlot">A slot has so many or none.</param>
    /// <exception cref="ArgumentException">There are fewer samples than one slot needs.</exception>
    public StepSampler(long samples, int globalBatch, int slots, ulong seed, int minimumPerSlot = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(minimumPerSlot, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(globalBatch, minimumPerSlot);
        if (samples < minimumPerSlot)
        {
            throw new ArgumentException($"{samples} samples are too few: a slot of this model needs {minimumPerSlot}.", nameof(samples));
        }

        _samples = samples;
        _globalBatch = globalBatch;
        _slots = slots;
        _seed = seed;
        _minimum = minimumPerSlot;
        long remainder = samples % globalBatch;
        StepsPerEpoch = Math.Max(1, (samples / globalBatch) + (remainder >= minimumPerSlot ? 1 : 0));
    }

    public long StepsPerEpoch { get; }

    /// <summary>The epoch of a step, and its place there.</summary>
    public (long Epoch, long StepInEpoch) Locate(long step) => (step / StepsPerEpoch, step % StepsPerEpoch);

    public int SamplesInStep(long step)
    {
        long inEpoch = step % StepsPerEpoch;
        return (int)(inEpoch == StepsPerEpoch - 1 ? _samples - (inEpoch * _globalBatch) : _globalBatch);
    }

    /// <summary>Gives the ids of a slot's samples: as many as another slot's or one more, or none where the step has too few for all.</summary>
    /// <param name="into">Cleared first.</param>
    public void SlotSamples(long step, int slot, List<long> into)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, _slots);
        into.Clear();
        (long epoch, long inEpoch) = Locate(step);
        long samples = SamplesInStep(step);
        long used = Math.Min(_slots, Math.Max(1, samples / _minimum));
        if (slot >= used)
        {
            return;
        }

        var order = new SeededPermutation((ulong)_samples, CounterRandom.Key(_seed, 0x6570_6f63_68, (ulong)epoch));
        long start = inEpoch * _globalBatch;
        for (long i = samples * slot / used; i < samples * (slot + 1) / used; i++)
        {
            into.Add((long)order[(ulong)(start + i)]);
        }
    }
}
