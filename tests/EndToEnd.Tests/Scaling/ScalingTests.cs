using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.ServiceDefaults.Tests.Otlp;
using OpenTelemetry.Proto.Trace.V1;

namespace Lockstep.EndToEnd.Tests.Scaling;

/// <summary>A fleet that is kept up, with real workers that come and go: by the policy, by hand, and all of them when nothing is to be done.</summary>
public sealed class ScalingTests : IDisposable
{
    private const string Alone = "alone";
    private const string Elastic = "elastic";
    private const int MostWorkers = 5;

    /// <summary>For telemetry that is on its way.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Workers_follow_the_policy_and_a_person_the_result_does_not_and_every_change_is_told_with_its_reason()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        await using CollectorSink sink = await CollectorSink.StartAsync(cancellation);
        await using UpProcess host = await UpProcess.StartAsync(_folder, MostWorkers, sink.Endpoint);
        AssertDesired(0, "no job wants workers", await host.Client.DesiredAsync(cancellation));
        Assert.Equal(0, host.WorkerProcesses);

        // The first worker is this job's from its beginning to its end: those that are called off are always the newest.
        (JobWatch alone, RunFolder aloneRun) = await host.SubmitAsync(Alone, mostWorkers: 1);
        await using JobWatch disposeAlone = alone;
        await alone.WaitAsync(j => j.Notes.Contains("worker-0 joined"), "a worker for the first job");
        (JobWatch elastic, RunFolder elasticRun) = await host.SubmitAsync(Elastic, mostWorkers: 4);
        await using JobWatch disposeElastic = elastic;

        // The policy: from the minimum to one more.
        await elastic.WaitAsync(j => j.Notes.Contains("2 workers wanted: 1 pay, trying 2"), "the policy wants a second worker");
        await elastic.WaitAsync(j => ContributorsAfter(j, 0).Count >= 2, "two workers at work");

        // A person: up, down, and as the policy decides.
        AssertDesired(5, "scaled to 5", await host.Client.ScaleAsync(5, cancellation));
        long scaledUp = elastic.Step;
        await elastic.WaitAsync(j => ContributorsAfter(j, scaledUp).SetEquals(["worker-1", "worker-2", "worker-3", "worker-4"]), "four workers at work");
        IReadOnlyList<WorkerStatus> five = await host.WorkersAsync();
        Assert.Equal(["alone worker-0", "elastic worker-1", "elastic worker-2", "elastic worker-3", "elastic worker-4"], five.Select(w => $"{w.JobId} {w.WorkerId}").Order(StringComparer.Ordinal));
        Assert.Equal(MostWorkers, host.WorkerProcesses);

        AssertDesired(2, "scaled to 2", await host.Client.ScaleAsync(2, cancellation));
        await host.WaitWorkerProcessesAsync(2);
        long scaledDown = elastic.Step;
        await elastic.WaitAsync(j => j.Step > scaledDown && j.Steps.TakeLast(3).All(s => s.SlotsByWorker is { Count: 1 } one && one.ContainsKey("worker-1")), "steps of one worker");

        DesiredWorkers free = await host.Client.ScaleAsync(null, cancellation);
        Assert.DoesNotContain("scaled", free.Reason, StringComparison.Ordinal);
        Assert.Contains($"{Elastic}: ", free.Reason, StringComparison.Ordinal);

        // The end of a job sets its workers free, and that of the last one all of them.
        Assert.Equal(JobState.Cancelled, (await host.Client.CancelAsync(Elastic, cancellation)).State);
        await elastic.EndAsync();
        string[] ledger = await File.ReadAllLinesAsync(elasticRun.Ledger, cancellation);
        await host.WaitWorkerProcessesAsync(1);
        await alone.WaitAsync(j => j.Step > ledger.Length, "the undisturbed job is as far as the other was");
        Assert.Equal(JobState.Cancelled, (await host.Client.CancelAsync(Alone, cancellation)).State);
        await alone.EndAsync();
        await host.WaitWorkerProcessesAsync(0);
        AssertDesired(0, "no job wants workers", await host.Client.DesiredAsync(cancellation));

        AssertLedger(ledger, await File.ReadAllLinesAsync(aloneRun.Ledger, cancellation), scaledDown);
        AssertShared(alone, elastic);
        await AssertToldAsync(host, sink);

        CliResult result = await host.StopAsync();
        Assert.True(result.ExitCode == 0, result.All);
    }

    /// <summary>The same hash of the whole state after every step.</summary>
    private static void AssertLedger(string[] elastic, string[] alone, long scaledDown)
    {
        Assert.True(elastic.Length > scaledDown, $"The ledger has {elastic.Length} lines, and the last change was after step {scaledDown}.");
        Assert.Equal(elastic, alone.Take(elastic.Length));
    }

    /// <summary>Two jobs at once, and only one of them was touched.</summary>
    private static void AssertShared(JobWatch alone, JobWatch elastic)
    {
        Assert.All(alone.Steps, step => Assert.Equal(["worker-0"], step.SlotsByWorker.Keys));
        Assert.DoesNotContain(alone.Notes, note => note.Contains("called off", StringComparison.Ordinal) || note.Contains("left", StringComparison.Ordinal));
        Assert.Equal(["worker-1", "worker-2", "worker-3", "worker-4"], ContributorsAfter(elastic, 0).Order(StringComparer.Ordinal));
    }

    /// <summary>Events, log, metrics and spans tell the same changes with the same reasons.</summary>
    private static async Task AssertToldAsync(UpProcess host, CollectorSink sink)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        // What does not come fails the comparisons below, which say what is there instead.
        await sink.WaitAsync(
            s => ScalingDecisions.Spans(s) is [.., { Desired: 0 }] && ScalingDecisions.Logs(s).Count == ScalingDecisions.Spans(s).Count && s.Spans.Count(span => span.Span.Name == "job") == 2,
            patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        IReadOnlyList<ScalingChange> changes = ScalingDecisions.Spans(sink);
        string all = string.Join(Environment.NewLine, changes);
        Assert.Equal(changes.Select(c => c.Before), changes.Select(c => c.Desired).Prepend(0).SkipLast(1));
        AssertInOrder(
            changes.Select(ScalingDecisions.LogLineOf),
            "Workers desired: 1. alone: begins with its minimum",
            "elastic: begins with its minimum",
            "1 pay, trying 2",
            "Workers desired: 5. scaled to 5",
            "Workers desired: 2. scaled to 2",
            "Workers desired: 1. elastic wants no workers any more; alone: ",
            "Workers desired: 0. no job wants workers");
        Assert.Equal(
            ["down idle", "down person", "down policy", "up person", "up policy"],
            changes.Select(c => $"{c.Direction} {c.Kind}").Distinct().Order(StringComparer.Ordinal));

        Assert.Equal(changes.Select(ScalingDecisions.LogLineOf), ScalingDecisions.Logs(sink));
        Assert.All(changes, change => Assert.True(host.SchedulerLog.Any(line => line.Contains(ScalingDecisions.LogLineOf(change), StringComparison.Ordinal)), $"{change} is not in the scheduler's log. All: {all}"));

        Assert.Equal(
            changes.CountBy(c => $"{c.Direction} {c.Kind}").OrderBy(c => c.Key, StringComparer.Ordinal).ToArray(),
            ScalingDecisions.Counts(await host.ScrapeAsync()).OrderBy(c => c.Key, StringComparer.Ordinal).ToArray());

        JobLogPage log = await host.Client.LogAsync(Elastic, 0, cancellation);
        string[] wanted = ["1 worker wanted: begins with its minimum", "2 workers wanted: 1 pay, trying 2", "4 workers wanted: as scaled", "1 worker wanted: as scaled"];
        AssertInOrder(log.Events.Select(e => e.Note ?? ""), wanted);
        Span job = sink.Spans.Select(s => s.Span).Single(s => s.Name == "job" && s.Of("lockstep.job.id") == Elastic);
        AssertInOrder(job.Events.SelectMany(e => e.Attributes).Where(a => a.Key == "lockstep.reason").Select(a => a.Value.StringValue), wanted);

        // Whoever starts the processes says why too.
        Assert.Contains("worker-4 started: scaled to 5", host.Output, StringComparison.Ordinal);
        Assert.Contains("worker-4 stopped: scaled to 2", host.Output, StringComparison.Ordinal);
        await host.WaitOutputAsync("worker-0 stopped: no job wants workers");
    }

    private static void AssertDesired(int desired, string reason, DesiredWorkers answer) => Assert.Equal((desired, reason), (answer.Desired, answer.Reason));

    private static void AssertInOrder(IEnumerable<string> texts, params string[] parts)
    {
        string[] all = [.. texts];
        int at = 0;
        foreach (string part in parts)
        {
            int found = Array.FindIndex(all, at, text => text.Contains(part, StringComparison.Ordinal));
            Assert.True(found >= 0, $"'{part}' does not follow in: {string.Join(" | ", all)}");
            at = found + 1;
        }
    }

    private static HashSet<string> ContributorsAfter(JobWatch job, long step) =>
        [.. job.Steps.Where(s => s.Step > step).SelectMany(s => s.SlotsByWorker.Keys)];
}
