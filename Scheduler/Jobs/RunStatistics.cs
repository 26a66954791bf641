using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;

namespace Lockstep.Scheduler.Jobs;

/// <summary>What a run's records add up to. Holds four numbers a step.</summary>
internal sealed class RunStatistics(JobSpec spec, long stepsPerEpoch)
{
    // Where the rate is to rise until the loss grows, its growth is no news; null: nobody watches.
    private readonly LossWatch? _watch = spec.Schedule is { Kind: ScheduleKind.Step, Gamma: > 1 } ? null : new(Math.Max(1, stepsPerEpoch), spec.Steps ?? (spec.Epochs!.Value * Math.Max(1, stepsPerEpoch)), spec.ClassWeights is not null);
    private readonly List<int> _generations = [];
    private readonly List<float> _stepMs = [];
    private readonly List<float> _syncMs = [];
    private readonly List<float> _barrierMs = [];
    private readonly SortedDictionary<string, long> _slotsByWorker = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, long> _groupSizes = [];
    private readonly long[] _contributions = new long[5];
    private EvaluationRecord? _evaluation;
    private long _steps;
    private long _samples;
    private GrantSummary _grants = new(0, 0, 0);
    private long _epoch = -1;
    private double _epochLoss;
    private long _epochSamples;

    public long StepsPerEpoch { get; } = Math.Max(1, stepsPerEpoch);

    /// <value>What nobody will have meant, in order of its finding.</value>
    public IReadOnlyList<string> Warnings => _watch?.Warnings ?? [];

    /// <value>Of the newest record.</value>
    public double Seconds { get; private set; }

    public void Add(RunRecord record)
    {
        Seconds = Math.Max(Seconds, record.Seconds);
        switch (record)
        {
            case StepRecord step:
                Add(step);
                break;
            // Of the version that is kept as the model.
            case EvaluationRecord evaluation when evaluation.Best?.Step is not { } best || best == evaluation.Step:
                _evaluation = evaluation;
                break;
        }
    }

    /// <summary>A step that is known was reported again: done again, where its generation is a newer one than before, or only told again.</summary>
    /// <returns>Whether it was done again.</returns>
    public bool Again(long step, int generation)
    {
        if (step > _generations.Count || generation <= _generations[(int)step - 1])
        {
            return false;
        }

        _generations[(int)step - 1] = generation;
        return true;
    }

    public RunSummary Summarize(double seconds) => new()
    {
        Job = spec.Name,
        State = "",
        Steps = _steps,
        Epochs = Math.Round((double)_steps / StepsPerEpoch, 4),
        Workers = _slotsByWorker.Count,
        Shards = spec.Shards,
        Slots = spec.Slots,
        Seconds = Math.Round(seconds, 3),
        SamplesPerSecond = Math.Round(_samples / Math.Max(seconds, 1e-9), 1),
        TrainLoss = _epochLoss / _epochSamples,
        Validation = _evaluation?.Validation ?? new Dictionary<string, double>(),
        ValidationDetails = _evaluation?.ValidationDetails,
        Warnings = Warnings.Count > 0 ? Warnings : null,
        SlotsByWorker = _slotsByWorker,
        GroupSizes = _groupSizes.ToDictionary(g => g.Key.ToString(CultureInfo.InvariantCulture), g => g.Value),
        Grants = _grants,
        Contributions = new ContributionSummary(_contributions[0], _contributions[1], _contributions[2], _contributions[3], _contributions[4]),
        StepMs = Percentiles.Of(_stepMs.Select(ms => (double)ms)),
        SyncMs = Percentiles.Of(_syncMs.Where(ms => ms > 0).Select(ms => (double)ms)),
        BarrierMs = Percentiles.Of(_barrierMs.Select(ms => (double)ms)),
    };

    private void Add(StepRecord step)
    {
        _watch?.Add(step);
        _steps++;
        // By step, also where the record of one before was lost.
        _generations.AddRange(Enumerable.Repeat(step.Generation, Math.Max(0, (int)step.Step - _generations.Count)));
        _samples += step.Samples;
        _grants = new GrantSummary(_grants.Granted + step.Granted, _grants.Again + step.GrantedAgain, _grants.Revoked + step.Revoked);
        _stepMs.Add((float)step.StepMs);
        _syncMs.Add((float)step.SyncMs);
        _barrierMs.Add((float)step.BarrierMs);
        foreach ((string worker, int slots) in step.SlotsByWorker)
        {
            _slotsByWorker[worker] = _slotsByWorker.GetValueOrDefault(worker) + slots;
        }

        foreach (int size in step.GroupSizes)
        {
            _groupSizes[size] = _groupSizes.GetValueOrDefault(size) + 1;
        }

        int[] counts = [step.Accepted, step.Duplicate, step.Stale, step.Refused, step.Mismatched];
        for (int i = 0; i < counts.Length; i++)
        {
            _contributions[i] += counts[i];
        }

        long epoch = (step.Step - 1) / StepsPerEpoch;
        if (epoch != _epoch)
        {
            (_epoch, _epochLoss, _epochSamples) = (epoch, 0, 0);
        }

        _epochLoss += step.Loss * step.Samples;
        _epochSamples += step.Samples;
    }
}
