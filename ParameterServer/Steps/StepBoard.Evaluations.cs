using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

public sealed partial class StepBoard
{
    private readonly Dictionary<Cursor, Evaluation> _evaluations = [];

    /// <summary>Takes one slot of an evaluation; the first one in counts. What is over already needs no more.</summary>
    public void ReportEvaluation(Cursor cursor, int slot, string workerId, EvaluationPart part)
    {
        lock (_gate)
        {
            if (cursor.Attempt != Cursor.Evaluation || !_descriptor.EvaluatesAt(cursor.Step) || slot < 0 || slot >= _descriptor.EvaluationSlots)
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Job {_descriptor.JobId} has no slot {slot} of an evaluation at {cursor}.");
            }

            if (_descriptor.Best is { } plan && !plan.Fits(_descriptor.ClassNames, part))
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Job {_descriptor.JobId}: slot {slot} of the evaluation at {cursor} has {part.Parts.Length} sums, {part.Scores.Length} scores and {part.Labels.Length} labels, which its metrics do not give.");
            }

            if (IsEvaluationOver(cursor))
            {
                return;
            }

            Evaluation evaluation = EvaluationAt(cursor);
            if (!evaluation.Put(slot, workerId, part))
            {
                return;
            }

            // A shard that announces late must not turn the order of the reports: the step that made the version comes first.
            if (cursor.Step <= _newest)
            {
                Append(evaluation, cursor);
            }
        }
    }

    /// <summary>Slots of an evaluation that are not in; none where the job is past it.</summary>
    public IReadOnlyList<int> MissingEvaluation(Cursor cursor)
    {
        lock (_gate)
        {
            if (IsEvaluationOver(cursor))
            {
                return [];
            }

            return _evaluations.TryGetValue(cursor, out Evaluation? evaluation) ? evaluation.Missing() : [.. Enumerable.Range(0, _descriptor.EvaluationSlots)];
        }
    }

    public bool IsLast(Cursor version)
    {
        lock (_gate)
        {
            return version.Generation == _generation && IsLast(version.Step);
        }
    }

    /// <summary>Whether nothing of it is wanted any more: the job is past it, or a process before this one reported it.</summary>
    /// <exception cref="ProtocolException">It is of another generation.</exception>
    private bool IsEvaluationOver(Cursor cursor)
    {
        if (cursor.Generation != _generation)
        {
            throw OtherGeneration(cursor.Generation);
        }

        return cursor.Step < _newest || !_descriptor.EvaluatesAt(cursor.Step) || _log.WasEvaluated(cursor.Step);
    }

    private Evaluation EvaluationAt(Cursor cursor)
    {
        if (!_evaluations.TryGetValue(cursor, out Evaluation? evaluation))
        {
            _evaluations[cursor] = evaluation = new Evaluation(_descriptor.EvaluationSlots);
        }

        return evaluation;
    }

    /// <summary>Reports the evaluation of the newest version where that was whole before the version was announced.</summary>
    private void AppendEarlyEvaluation()
    {
        var cursor = new Cursor(_generation, _newest, Cursor.Evaluation);
        if (_evaluations.TryGetValue(cursor, out Evaluation? evaluation) && evaluation.IsWhole)
        {
            Append(evaluation, cursor);
        }
    }

    private void Append(Evaluation evaluation, Cursor cursor) => Append(evaluation.Report(cursor) with { Best = _best.After(cursor.Step) }, IsLast(cursor.Step));

    private void ForgetEvaluations(Cursor cursor) => Forget(_evaluations, cursor);

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
