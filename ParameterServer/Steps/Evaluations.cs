using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>Gathers the slots of evaluations. Callers serialise the calls.</summary>
/// <param name="wasReported">Whether a version's evaluation is in the log.</param>
internal sealed class Evaluations(JobDescriptor descriptor, JobPosition position, Func<long, bool> wasReported)
{
    private readonly Dictionary<Cursor, Evaluation> _all = [];

    /// <summary>Takes one slot; the first one in counts. What is over already needs no more.</summary>
    /// <returns>What is to be reported now; null: nothing.</returns>
    /// <exception cref="ProtocolException">The job has no such slot, or is in another generation.</exception>
    public StepReport? Put(Cursor cursor, int slot, string workerId, EvaluationPart part)
    {
        if (cursor.Attempt != Cursor.Evaluation || !descriptor.EvaluatesAt(cursor.Step) || slot < 0 || slot >= descriptor.EvaluationSlots)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {descriptor.JobId} has no slot {slot} of an evaluation at {cursor}.");
        }

        if (descriptor.Best is { } plan && !plan.Fits(descriptor.ClassNames, part))
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {descriptor.JobId}: slot {slot} of the evaluation at {cursor} has {part.Parts.Length} sums, {part.Scores.Length} scores and {part.Labels.Length} labels, which its metrics do not give.");
        }

        if (IsOver(cursor))
        {
            return null;
        }

        if (!_all.TryGetValue(cursor, out Evaluation? evaluation))
        {
            _all[cursor] = evaluation = new Evaluation(descriptor.EvaluationSlots);
        }

        // A shard that announces late must not turn the order of the reports: the step that made the version comes first.
        return evaluation.Put(slot, workerId, part) && cursor.Step <= position.Newest ? evaluation.Report(cursor) : null;
    }

    /// <summary>Slots of an evaluation that are not in; none where the job is past it.</summary>
    /// <exception cref="ProtocolException">The job is in another generation.</exception>
    public IReadOnlyList<int> Missing(Cursor cursor) =>
        IsOver(cursor) ? []
        : _all.TryGetValue(cursor, out Evaluation? evaluation) ? evaluation.Missing()
        : [.. Enumerable.Range(0, descriptor.EvaluationSlots)];

    /// <summary>The evaluation of the newest version, where that was whole before the version was announced; null: it was not.</summary>
    public StepReport? Early()
    {
        var cursor = new Cursor(position.Generation, position.Newest, Cursor.Evaluation);
        return _all.TryGetValue(cursor, out Evaluation? evaluation) && evaluation.IsWhole ? evaluation.Report(cursor) : null;
    }

    /// <summary>The parts of a version's evaluation in this generation, in slot order; null: some are missing.</summary>
    public IReadOnlyList<EvaluationPart>? WholeParts(long version) => _all.GetValueOrDefault(new Cursor(position.Generation, version, Cursor.Evaluation))?.WholeParts;

    /// <summary>Forgets evaluations of versions before one.</summary>
    public void ForgetBefore(long step)
    {
        foreach (Cursor old in _all.Keys.Where(c => c.Step < step).ToArray())
        {
            _all.Remove(old);
        }
    }

    /// <summary>Forgets all: the job goes on in another generation, or not at all.</summary>
    public void Clear() => _all.Clear();

    /// <summary>Whether nothing of it is wanted any more: the job is past it, or a process before this one reported it.</summary>
    private bool IsOver(Cursor cursor) => cursor.Generation == position.Generation
        ? cursor.Step < position.Newest || !descriptor.EvaluatesAt(cursor.Step) || wasReported(cursor.Step)
        : throw OtherGeneration(descriptor, position, cursor.Generation);

    /// <summary>What is said of a message of another generation than the job is in.</summary>
    public static ProtocolException OtherGeneration(JobDescriptor descriptor, JobPosition position, int generation) =>
        new(ProtocolError.Superseded, $"Job {descriptor.JobId} is in generation {position.Generation} on shard 0; what comes of generation {generation} does not count there.");

    private sealed class Evaluation(int slots)
    {
        private readonly EvaluationPart?[] _parts = new EvaluationPart?[slots];
        private readonly string[] _workers = new string[slots];
        private int _missing = slots;

        public bool IsWhole => _missing == 0;

        /// <value>In slot order; null: some are missing.</value>
        public IReadOnlyList<EvaluationPart>? WholeParts => IsWhole ? [.. _parts.Select(part => part!)] : null;

        public IReadOnlyList<int> Missing() => [.. Enumerable.Range(0, _parts.Length).Where(slot => _parts[slot] is null)];

        /// <returns>Whether this was the last one.</returns>
        public bool Put(int slot, string workerId, EvaluationPart part)
        {
            if (_parts[slot] is not null)
            {
                return false;
            }

            _parts[slot] = part;
            _workers[slot] = workerId;
            _missing--;
            return IsWhole;
        }

        public StepReport Report(Cursor cursor)
        {
            long samples = _parts.Sum(p => p!.Samples);
            double loss = 0;
            foreach (EvaluationPart? part in _parts)
            {
                loss += part!.LossSum;
            }

            return new StepReport { Cursor = cursor, Loss = loss / samples, Samples = samples, EvaluationParts = [.. _parts.Select(p => p!)], SlotWorkers = [.. _workers] };
        }
    }
}
