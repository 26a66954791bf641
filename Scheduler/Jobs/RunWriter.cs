using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Jobs.Timing;

namespace Lockstep.Scheduler.Jobs;

/// <summary>
/// Writes what a job's first shard reports into the run's folder: a line of metrics.jsonl for each step and evaluation, a line of ledger.jsonl for each step, at the end model.safetensors and summary.json.
/// What is there already is kept and not written twice, so that a scheduler that starts anew goes on where the one before stopped.
/// </summary>
internal sealed class RunWriter : IDisposable
{
    private readonly RunFolder _run;
    private readonly MetricLayout _layout;
    private readonly IReadOnlyList<string> _classNames;
    // Null: the job keeps its last version.
    private readonly BestSpec? _rule;
    private readonly TimeProvider _time;
    private readonly TimeLedger _times;
    private readonly RunStatistics _statistics;
    private readonly LedgerRecorder _ledger;
    private readonly HashSet<long> _evaluated = [];
    private readonly LineFile _metricsFile;
    // Of the newest evaluation; null: the job keeps its last version.
    private BestState? _best;
    // The version that the job ended at; null: it did not.
    private long? _ended;
    private Exception? _unwritten;
    private bool _isTold;
    // The newest that the records of before know.
    private readonly int _generationBefore;
    private readonly double _secondsBefore;
    private readonly long _started;
    // When the newest step or evaluation was reported: the next step begins then.
    private long _lastStep;
    // The newest step with a line of its own in metrics.jsonl. A disk that was full may have kept more of the ledger.
    private long _told;
    private TimeTable _recorded = new();
    // Steps that were done again, and how many of them a record tells.
    private long _repeated;
    private long _repeatedRecorded;

    /// <param name="from">The checkpoint that the run resumes from: what metrics tell of steps after it is forgotten, and the ledger's lines are compared; null: all are kept, as a scheduler before has written them in this job.</param>
    /// <param name="times">The job's account, which goes on from that of the records.</param>
    /// <exception cref="InputException">The ledger is of another determinism class, which nobody accepted.</exception>
    /// <exception cref="IOException">The folder cannot be made, or what is there not read.</exception>
    public RunWriter(RunFolder run, JobSpec spec, JobDescriptor descriptor, long? from, TimeLedger times, TimeProvider time)
    {
        _run = run;
        _classNames = descriptor.ClassNames;
        _layout = MetricLayout.Of(spec, _classNames.Count, descriptor.LabelColumns);
        _rule = descriptor.Best?.Rule;
        _times = times;
        _time = time;
        _statistics = new RunStatistics(spec, descriptor.StepsPerEpoch);
        Directory.CreateDirectory(run.Path);
        DateTimeOffset? written = File.Exists(run.Metrics) ? new DateTimeOffset(File.GetLastWriteTimeUtc(run.Metrics)) : null;
        var before = new TimeTable();
        int generation = 0;
        _ledger = new LedgerRecorder(run, descriptor, from);
        Steps = Math.Min(_ledger.Count, from ?? long.MaxValue);
        KeptLines metrics = KeptLines.Read(run.Metrics, line =>
        {
            RunRecord record = RunRecord.FromJson(line);
            if (record.Step > Steps)
            {
                before.Add(record, lost: true);
                _repeated += record is StepRecord lost ? 1 + lost.StepsRepeated : 0;
                return false;
            }

            times.Learn(record);
            before.Add(record, lost: false);
            _recorded.Add(record, lost: false);
            if (record is EvaluationRecord evaluation)
            {
                _evaluated.Add(evaluation.Step);
            }
            else if (record is StepRecord step)
            {
                generation = Math.Max(generation, step.Generation);
                _told = step.Step;
                _repeated += step.StepsRepeated;
                _repeatedRecorded += step.StepsRepeated;
            }

            _statistics.Add(record);
            return true;
        });
        _generationBefore = generation;
        _secondsBefore = _statistics.Seconds;
        times.Resume(before);
        if (from is null)
        {
            times.TakeOver(written, begun: Steps > 0);
            _secondsBefore += written is { } last ? Math.Max(0, (time.GetUtcNow() - last).TotalSeconds) : 0;
        }

        _metricsFile = metrics.Open();
        _started = _lastStep = time.GetTimestamp();
    }

    /// <value>Steps that were done when this began.</value>
    public long Steps { get; }

    /// <value>Steps that were done again after shards went back to a checkpoint.</value>
    public long Repeated => _repeated;

    /// <value>A step that came again and did not give its line of the ledger again: something is broken; null: none.</value>
    public LedgerContradiction? Contradiction => _ledger.Contradiction;

    /// <summary>Takes a report.</summary>
    /// <param name="workers">That the job has now.</param>
    /// <param name="wanted">That it shall have; null: nobody says.</param>
    /// <returns>The line that was written; null where the report tells what is known.</returns>
    public RunRecord? Add(StepReport report, int workers, int? wanted)
    {
        _unwritten = null;
        _best = report.Best ?? _best;
        _ended = report.Finished ? report.Version : _ended;
        RunRecord? record = report.Cursor.Attempt == Cursor.Evaluation ? Evaluation(report) : Step(report, workers, wanted);
        if (record is not null)
        {
            _times.Reported(record is StepRecord ? TimeUse.Training : TimeUse.Evaluating, workers, TimeSpan.FromMilliseconds(report.CheckpointBlockedMs));
            TimeTable account = _times.Account;
            TimeTable spent = account.Since(_recorded);
            record = record with { Time = spent.ToSeconds() };
            _recorded = account;
            if (record is StepRecord step)
            {
                // A pause that a person wished for says nothing of how fast steps are.
                double stepMs = step.StepMs - spent.Times.GetValueOrDefault(TimeUse.Paused).TotalMilliseconds;
                record = step with { StepMs = Math.Round(Math.Max(0, stepMs), 3), StepsRepeated = _repeated - _repeatedRecorded };
                _repeatedRecorded = _repeated;
            }

            _unwritten = _metricsFile.Append(record.ToJson()) ?? _unwritten;
            _statistics.Add(record);
        }

        return record;
    }

    /// <value>What the run's losses say of its learning rate so far.</value>
    public IReadOnlyList<string> Warnings => _statistics.Warnings;

    /// <summary>Whether the records can be written, where that changed with the last report.</summary>
    /// <returns>For people; null: it is as before.</returns>
    public string? TakeChange()
    {
        if (_isTold == _unwritten is not null)
        {
            return null;
        }

        _isTold = !_isTold;
        return _unwritten is { } why ? $"what happens cannot be recorded, and training goes on: {why.Message}" : "what happened is recorded again, and nothing is missing";
    }

    /// <summary>Writes summary.json and, where the job is finished, model.safetensors.</summary>
    public RunSummary Finish(JobState state, string? error, JobDescriptor? descriptor)
    {
        _ledger.Flush();
        _metricsFile.Flush();
        string? sha256 = null;
        BestSummary? best = null;
        long last = _ended ?? descriptor?.TotalSteps ?? 0;
        if (state == JobState.Finished && descriptor is not null)
        {
            best = _best is { Version: { } version, Value: { } value } && _rule is { } rule ? new BestSummary(rule.Metric, version, value) : null;
            if (best is not null)
            {
                ModelFile.Write(_run.LastModel, CheckpointSet.Read(_run.Checkpoints, last));
            }

            sha256 = ModelFile.Write(_run.Model, CheckpointSet.Read(_run.Checkpoints, best?.Step ?? last));
        }

        _times.Close();
        RunSummary summary = _statistics.Summarize(Elapsed()) with
        {
            Time = TimeSummary.Of(_times.Elapsed, _times.Account.Times),
            State = JobWords.Of(state),
            Error = error,
            Best = best,
            StoppedEarly = state == JobState.Finished && last < descriptor?.TotalSteps,
            ParametersSha256 = sha256,
            DeterminismClass = descriptor?.DeterminismClass,
            StepsRepeated = _repeated,
        };
        string temporary = _run.Summary + ".tmp";
        File.WriteAllText(temporary, summary.ToJson());
        File.Move(temporary, _run.Summary, overwrite: true);
        return summary;
    }

    public void Dispose()
    {
        _metricsFile.Dispose();
        _ledger.Dispose();
    }

    private StepRecord? Step(StepReport report, int workers, int? wanted)
    {
        long step = report.Cursor.Step + 1;
        if (report.Ledger.Length == 0)
        {
            return null;
        }

        _unwritten = _ledger.Add(step, report.Ledger);
        if (Contradiction is not null)
        {
            return null;
        }

        if (step <= _told)
        {
            if (_statistics.Again(step, report.Cursor.Generation) && report.Cursor.Generation > _generationBefore)
            {
                _repeated++;
                _times.Reported(TimeUse.Repeating, workers, TimeSpan.FromMilliseconds(report.CheckpointBlockedMs));
            }

            return null;
        }

        _told = step;
        long now = _time.GetTimestamp();
        double stepMs = _time.GetElapsedTime(_lastStep, now).TotalMilliseconds;
        _lastStep = now;
        return new StepRecord
        {
            Step = step,
            Seconds = Math.Round(Elapsed(), 3),
            Epoch = Math.Round((double)step / _statistics.StepsPerEpoch, 4),
            Loss = report.Loss,
            Samples = report.Samples,
            LearningRate = report.LearningRate,
            StepMs = stepMs,
            BarrierMs = Math.Round(report.GatherMs, 3),
            SyncMs = Math.Round(report.SyncMs, 3),
            UpdateMs = Math.Round(report.UpdateMs, 3),
            SlotsByWorker = new SortedDictionary<string, int>(report.SlotWorkers.GroupBy(w => w, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal), StringComparer.Ordinal),
            Workers = workers,
            WantedWorkers = wanted,
            GroupSizes = report.GroupSizes,
            Accepted = report.Accepted,
            Duplicate = report.Duplicate,
            Stale = report.Stale,
            Refused = report.Refused,
            Mismatched = report.Mismatched,
            EscapedBlocks = report.EscapedBlocks,
            Granted = report.Granted,
            GrantedAgain = report.GrantedAgain,
            Revoked = report.Revoked,
            Generation = report.Cursor.Generation,
        };
    }

    private EvaluationRecord? Evaluation(StepReport report)
    {
        // The time of an evaluation is none of the next step's.
        _lastStep = _time.GetTimestamp();
        if (report.EvaluationParts.Count == 0 || !_evaluated.Add(report.Cursor.Step))
        {
            return null;
        }

        Measurement measured = MetricMath.Finish(_layout, _classNames, report.EvaluationParts);
        return new EvaluationRecord
        {
            Step = report.Cursor.Step,
            Seconds = Math.Round(Elapsed(), 3),
            Loss = report.Loss,
            Samples = report.Samples,
            Validation = measured.Values,
            ValidationDetails = measured.Details,
            Best = report.Best is { } best && _rule is { } rule ? new BestRecord(rule.Metric, best.Version, best.Value, best.Waited) : null,
        };
    }

    private double Elapsed() => _secondsBefore + _time.GetElapsedTime(_started).TotalSeconds;
}
