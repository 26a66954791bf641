using System.Globalization;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Jobs.Timing;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Recording;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Scheduler.Tests.Timing;

/// <summary>The account of a job's time in its records and its summary, over more than one scheduler.</summary>
public sealed class RecordedTimeTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly JobFolder _folder = new();
    private readonly RunFolder _run;

    public RecordedTimeTests() => _run = new RunFolder(Path.Combine(_folder.Runs, "run"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Records_and_summary_tell_what_the_time_went_to()
    {
        TimeLedger times = Begin(JobState.Queued);
        using RunWriter writer = Record(times, from: 0);
        Steps(writer, 1, 38);
        Pass(0.5);
        times.WorkerLost();
        Steps(writer, 39, 40);

        RunRecord[] records = Records();
        Assert.Equal(new Dictionary<string, double> { ["starting"] = 2 }, records[0].Time);
        Assert.Equal(new Dictionary<string, double> { ["training"] = 0.1, ["stalled"] = 0.5 }, records[38].Time);
        TimeSummary summary = Finish(writer);
        Assert.Equal(new TimeSummary(6.4, 3.9, summary.BadputSeconds, 0.6094), summary);
        Assert.Equal(new Dictionary<string, double> { ["starting"] = 2, ["stalled"] = 0.5 }, summary.BadputSeconds);
    }

    [Fact]
    public void Who_does_not_know_yet_that_another_has_taken_over_harms_no_record()
    {
        using RunWriter before = Record(Begin(JobState.Queued), from: 0);
        Steps(before, 1, 10);
        using RunWriter writer = Record(new TimeLedger(JobState.Running, _time), from: null);
        Steps(before, 11, 12);
        Report(writer, 1, 13);
        Steps(before, 13, 14);
        Steps(writer, 14, 15);

        Assert.Equal(Enumerable.Range(1, 15).Select(step => (long)step), File.ReadLines(_run.Ledger).Select(line => LedgerLine.FromJson(line).Step));
        Assert.Equal(Enumerable.Range(1, 15).Select(step => (long)step), Records().Select(record => record.Step));
    }

    [Fact]
    public void A_pause_is_no_part_of_a_steps_duration()
    {
        TimeLedger times = Begin(JobState.Queued);
        using RunWriter writer = Record(times, from: 0);
        Steps(writer, 1, 10);
        times.Changed(JobState.Paused);
        Pass(30);
        times.Changed(JobState.Running);
        Steps(writer, 11, 11);

        var last = (StepRecord)Records()[^1];
        Assert.Equal(100, last.StepMs, 3);
        Assert.Equal(30, last.Time!["paused"], 3);
    }

    [Fact]
    public void An_evaluation_is_no_part_of_the_step_after_it()
    {
        using RunWriter writer = Record(Begin(JobState.Queued), from: 0);
        Steps(writer, 1, 10);
        Pass(5);
        writer.Add(new StepReport { Cursor = new Cursor(0, 10, Cursor.Evaluation), Samples = 4, EvaluationParts = [new EvaluationPart(4, 1, [], [], [])] }, 2, null);
        Steps(writer, 11, 11);

        RunRecord[] records = Records();
        Assert.IsType<EvaluationRecord>(records[^2]);
        Assert.Equal(100, ((StepRecord)records[^1]).StepMs, 3);
        Assert.Equal(100, Finished(writer).StepMs.P95, 3);
    }

    [Fact]
    public void The_next_scheduler_counts_on_and_learns_the_gap_from_when_the_records_were_written()
    {
        using (RunWriter before = Record(Begin(JobState.Queued), from: 0))
        {
            Steps(before, 1, 10);
        }

        File.SetLastWriteTimeUtc(_run.Metrics, _time.GetUtcNow().UtcDateTime);
        Pass(4);
        var times = new TimeLedger(JobState.Running, _time);
        Pass(1);
        using RunWriter writer = Record(times, from: null);
        // What is known is told again from the beginning, and then ten steps of which nobody was told.
        Report(writer, 1, 20);
        Steps(writer, 21, 22);

        TimeSummary summary = Finish(writer);
        Assert.Equal(2 + 0.9 + 5 + 0.2, summary.ElapsedSeconds, 3);
        Assert.Equal(0.9 + 1 + 0.2, summary.GoodputSeconds, 3);
        Assert.Equal(new Dictionary<string, double> { ["starting"] = 2, ["scheduler-away"] = 4 }, summary.BadputSeconds);
        Assert.Equal(1 + 5 + 0.2, Records()[^1].Seconds, 3);
        Assert.Equal(summary.ElapsedSeconds, Records().Sum(r => r.Time!.Values.Sum()), 3);
    }

    [Fact]
    public void A_step_whose_record_a_killed_scheduler_did_not_write_is_recorded_by_the_next()
    {
        using (RunWriter before = Record(Begin(JobState.Queued), from: 0))
        {
            Steps(before, 1, 10);
        }

        File.WriteAllLines(_run.Metrics, File.ReadAllLines(_run.Metrics)[..9]);
        using RunWriter writer = Record(new TimeLedger(JobState.Running, _time), from: null);
        Report(writer, 1, 12);

        Assert.Equal(Enumerable.Range(1, 12).Select(step => (long)step), Records().Select(r => r.Step));
        Assert.Equal(12, File.ReadLines(_run.Ledger).Count());
    }

    [Fact]
    public void What_a_resumed_run_has_lost_was_not_goodput()
    {
        using (RunWriter before = Record(Begin(JobState.Queued), from: 0))
        {
            Steps(before, 1, 10);
        }

        Pass(1000);
        using RunWriter writer = Record(Begin(JobState.Queued), from: 6);
        Steps(writer, 7, 10);

        TimeSummary summary = Finish(writer);
        Assert.Equal(2 + 0.9 + 2 + 0.3, summary.ElapsedSeconds, 3);
        Assert.Equal(0.5 + 0.3, summary.GoodputSeconds, 3);
        Assert.Equal(new Dictionary<string, double> { ["starting"] = 4, ["repeating"] = 0.4 }, summary.BadputSeconds);
        Assert.Equal(summary.ElapsedSeconds, Records().Sum(r => r.Time!.Values.Sum()), 3);
    }

    [Fact]
    public void Steps_beyond_the_checkpoint_of_a_resumed_run_count_as_repeated_over_all_that_go_on_with_it()
    {
        using (RunWriter first = Record(Begin(JobState.Queued), from: 0))
        {
            Steps(first, 1, 57);
        }

        using (RunWriter second = Record(Begin(JobState.Queued), from: 40))
        {
            Steps(second, 41, 45);
            Assert.Equal(17, Finished(second).StepsRepeated);
        }

        // Five are done a third time.
        using (RunWriter third = Record(Begin(JobState.Queued), from: 40))
        {
            Steps(third, 41, 57);
            Steps(third, 56, 57, generation: 1);
        }

        using RunWriter takenOver = Record(new TimeLedger(JobState.Running, _time), from: null);
        Report(takenOver, 41, 55);
        Report(takenOver, 56, 57, generation: 1);
        Steps(takenOver, 58, 60, generation: 1);

        Assert.Equal(17 + 5 + 2, Finished(takenOver).StepsRepeated);
        Assert.Equal(17 + 5 + 2, Records().OfType<StepRecord>().Sum(s => s.StepsRepeated));
    }

    [Fact]
    public void Steps_of_a_newer_generation_are_repeated_once()
    {
        using (RunWriter before = Record(Begin(JobState.Queued), from: 0))
        {
            Steps(before, 1, 10);
            Steps(before, 9, 10, generation: 1);
            Steps(before, 11, 11, generation: 1);
        }

        File.SetLastWriteTimeUtc(_run.Metrics, _time.GetUtcNow().UtcDateTime);
        Pass(1);
        using RunWriter writer = Record(new TimeLedger(JobState.Running, _time), from: null);
        Report(writer, 1, 10);
        Report(writer, 9, 11, generation: 1);
        Steps(writer, 12, 12, generation: 1);

        RunSummary summary = Finished(writer);
        Assert.Equal(2, summary.StepsRepeated);
        Assert.Equal(new Dictionary<string, double> { ["starting"] = 2, ["repeating"] = 0.2, ["scheduler-away"] = 1 }, summary.Time!.BadputSeconds);
        Assert.Equal(0.9 + 0.1 + 0.1, summary.Time.GoodputSeconds, 3);
    }

    /// <summary>A job that takes two seconds to do its first step.</summary>
    private TimeLedger Begin(JobState state)
    {
        var times = new TimeLedger(state, _time);
        Pass(1.9);
        times.Changed(JobState.Running);
        return times;
    }

    private RunWriter Record(TimeLedger times, long? from) => new(_run, _folder.Job(), Descriptors.Of("one class", stepsPerEpoch: 100), from, times, _time);

    private void Steps(RunWriter writer, long first, long last, int generation = 0)
    {
        for (long step = first; step <= last; step++)
        {
            Pass(0.1);
            Report(writer, step, step, generation);
        }
    }

    private static void Report(RunWriter writer, long first, long last, int generation = 0)
    {
        for (long step = first; step <= last; step++)
        {
            writer.Add(new StepReport { Cursor = new Cursor(generation, step - 1, 0), Ledger = step.ToString("x32", CultureInfo.InvariantCulture), Samples = 8 }, 2, null);
        }
    }

    private static RunSummary Finished(RunWriter writer) => writer.Finish(JobState.Cancelled, null, null);

    private static TimeSummary Finish(RunWriter writer) => Finished(writer).Time!;

    private RunRecord[] Records() => [.. File.ReadLines(_run.Metrics).Select(RunRecord.FromJson)];

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
