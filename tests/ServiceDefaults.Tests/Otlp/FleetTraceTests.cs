using Google.Protobuf;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Scheduling;
using Lockstep.ServiceDefaults.Telemetry;
using OpenTelemetry.Proto.Metrics.V1;
using OpenTelemetry.Proto.Trace.V1;

namespace Lockstep.ServiceDefaults.Tests.Otlp;

/// <summary>Real processes against a collector: two workers, two parameter servers, a scheduler and Redis.</summary>
public sealed class FleetTraceTests : IDisposable
{
    private const int Steps = 30;
    private const int Every = 2;

    private readonly string _folder = Directory.CreateTempSubdirectory("lockstep-otlp-").FullName;

    [Fact(Timeout = 240_000)]
    public async Task One_step_is_one_trace_from_worker_to_shard_to_worker_and_every_process_reports()
    {
        await using CollectorSink sink = await CollectorSink.StartAsync(TestContext.Current.CancellationToken);
        string jobId = $"digits-{Guid.NewGuid():N}";
        await RunAsync(sink, jobId);

        // Which worker takes which slots is left to chance, and one that the machine holds up may miss a step: any step that both waited for will do.
        (string Service, Span Span)[] trace = Enumerable.Range(0, Steps / Every).Select(i => TraceOf(sink, jobId, i * Every)).First(t => t.Where(s => s.Span.Name == "pull").Select(s => s.Service).Distinct().Count() == 2 && !t.Any(s => s.Span.Of("lockstep.cursor")?.EndsWith(".1", StringComparison.Ordinal) ?? false));
        Dictionary<string, (string Service, Span Span)> byId = trace.ToDictionary(s => Hex(s.Span.SpanId), StringComparer.Ordinal);
        Assert.Equal(["ps-0", "ps-1", "scheduler", "worker-0", "worker-1"], trace.Select(s => s.Service).Distinct().Order(StringComparer.Ordinal));

        // Worker → shard: every push that a shard received is a child of a worker's push.
        (string Service, Span Span)[] received = [.. trace.Where(s => s.Span.Name == "push received")];
        Assert.Equal(["ps-0", "ps-1"], received.Select(s => s.Service).Distinct().Order(StringComparer.Ordinal));
        Assert.All(received, s =>
        {
            (string service, Span push) = byId[Hex(s.Span.ParentSpanId)];
            Assert.Equal("push", push.Name);
            Assert.Equal(s.Span.Of("lockstep.worker.id"), service);
        });

        // On a shard: the update follows from the push that made the step whole.
        (string Service, Span Span)[] updates = [.. trace.Where(s => s.Span.Name == "update")];
        Assert.Equal(["ps-0", "ps-1"], updates.Select(s => s.Service).Order(StringComparer.Ordinal));
        Assert.All(updates, s => Assert.Equal(("push received", s.Service), (byId[Hex(s.Span.ParentSpanId)].Span.Name, byId[Hex(s.Span.ParentSpanId)].Service)));
        Assert.Equal(["ps-0", "ps-1"], trace.Where(s => s.Span.Name == "announce").Select(s => s.Service).Order(StringComparer.Ordinal));

        // Shard → worker: both workers pulled from both shards what the updates made.
        (string Service, string From)[] pulls = [.. trace.Where(s => s.Span.Name == "pull").Select(s => (s.Service, byId[Hex(s.Span.ParentSpanId)] is { Span.Name: "update" } from ? from.Service : "none"))];
        Assert.Equal([("worker-0", "ps-0"), ("worker-0", "ps-1"), ("worker-1", "ps-0"), ("worker-1", "ps-1")], pulls.Order());

        // Within a worker: its parts hang below its step, which hangs below nothing.
        Assert.All(trace.Where(s => s.Span.Name is "load" or "compute slot" or "encode" or "push" or "wait"), s => Assert.Equal(("step", s.Service), (byId[Hex(s.Span.ParentSpanId)].Span.Name, byId[Hex(s.Span.ParentSpanId)].Service)));
        Assert.Equal(8, trace.Where(s => s.Span.Name == "compute slot").Select(s => s.Span.Of("lockstep.slot")).Distinct().Count());
        Assert.All(trace.Where(s => s.Span.Name is "step" or "step recorded"), s => Assert.Empty(s.Span.ParentSpanId));
        Assert.Single(trace, s => s is { Service: "scheduler", Span.Name: "step recorded" });

        // Steps in between are not traced, and calls of their own make no spans.
        Assert.DoesNotContain(sink.Spans, s => s.Span.Of("lockstep.step") is { } step && long.Parse(step, System.Globalization.CultureInfo.InvariantCulture) % Every != 0);
        Assert.DoesNotContain(sink.Spans, s => s.Span.Name.Contains("lockstep.v1", StringComparison.Ordinal));

        // The job is a span whose events say what happened and why.
        Span job = Assert.Single(sink.Spans, s => s.Span.Name == "job" && s.Span.Of("lockstep.job.id") == jobId).Span;
        Assert.Equal("Finished", job.Of("lockstep.job.state"));
        Assert.Contains(job.Events, e => e.Attributes.Any(a => a.Key == "lockstep.reason" && a.Value.StringValue.Contains("worker-0", StringComparison.Ordinal)));

        Assert.Equal(
            from name in new[] { "ps-0", "ps-1", "scheduler", "worker-0", "worker-1" } select (name, $"{jobId}-{name}"),
            sink.Metrics.Select(m => (m.Resource.Of("service.name")!, m.Resource.Of("service.instance.id")!)).Distinct().Order());
        Assert.Equal(Steps, sink.Metrics.Where(m => m.Metric.Name == "lockstep.scheduler.steps").Max(m => m.Metric.Sum.DataPoints.Sum(p => p.AsInt)));
        ILookup<string, Metric> metrics = sink.Metrics.Select(m => m.Metric).ToLookup(m => m.Name);
        Assert.Equal(
            ["pull grpc", "push grpc"],
            metrics["lockstep.worker.bytes"].SelectMany(m => m.Sum.DataPoints).Where(p => p.AsInt > 0).Select(p => $"{p.Of("direction")} {p.Of("path")}").Distinct().Order(StringComparer.Ordinal));
        foreach (string name in new[] { "lockstep.worker.sync.duration", "lockstep.worker.step.duration", "lockstep.worker.compute.duration", "lockstep.sync.duration", "lockstep.shard.update.duration" })
        {
            Assert.True(metrics[name].Any(m => m.Histogram.DataPoints.Any(p => p is { Count: > 0, Sum: > 0 })), $"{name} was not measured.");
        }

        Assert.Contains(metrics["lockstep.worker.barrier_wait.duration"], m => m.Histogram.DataPoints.Any(p => p.Count > 0));
        // Every slot of every step was granted at least once.
        Assert.True(metrics["lockstep.scheduler.grants"].SelectMany(m => m.Sum.DataPoints).Where(p => p.Of("outcome") == "first").Max(p => p.AsInt) >= Steps * 8);

        Assert.DoesNotContain(sink.Logs, l => l.Record.Body.StringValue.Contains("canceled", StringComparison.OrdinalIgnoreCase));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task RunAsync(CollectorSink sink, string jobId)
    {
        JobSpec job = JobFile.Load(Path.Combine(Repository.Root, "samples", "digits", "job.yaml"), ["shards=2", "workers.min=2"]) with { Epochs = null, Steps = Steps };
        await using LocalFleet fleet = await LocalFleet.StartAsync(
            new FleetOptions
            {
                Services = ServiceLocator.Find(AppContext.BaseDirectory, null),
                LogDirectory = Path.Combine(_folder, "logs"),
                Shards = 2,
                Workers = 2,
                RedisServerAssembly = Repository.Cli,
                Queue = jobId,
                // A busy machine takes its time to report the last of it.
                StopTimeout = TimeSpan.FromSeconds(60),
                Environment = new Dictionary<string, string>
                {
                    [EnvironmentNames.OtlpEndpoint] = sink.Endpoint,
                    [EnvironmentNames.TraceEvery] = $"{Every}",
                    [EnvironmentNames.DataRoots] = Path.Combine(Repository.Root, "samples"),
                    [EnvironmentNames.RunsRoot] = _folder,
                    ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
                },
            },
            TimeProvider.System,
            TestContext.Current.CancellationToken);
        using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
        await scheduler.SubmitAsync(new SubmitRequest(jobId, JobFile.ToCanonicalJson(job), Path.Combine(_folder, "run"), null), TestContext.Current.CancellationToken);
        JobStatus? last = null;
        await foreach (JobEvent item in scheduler.EventsAsync(jobId, 0, TestContext.Current.CancellationToken))
        {
            last = item.Status;
        }

        Assert.Equal((JobState.Finished, null), (last!.State, last.Error));
        // Every process has told of the run; what is left to report goes out as the processes end.
        await sink.WaitAsync(s => s.Metrics.Where(m => m.Metric.Name is "lockstep.scheduler.steps" or "lockstep.shard.steps" or "lockstep.worker.step.duration").Select(m => m.Resource.Of("service.name")).Distinct().Count() == 5, TestContext.Current.CancellationToken);
        await fleet.StopAsync();
    }

    private static (string Service, Span Span)[] TraceOf(CollectorSink sink, string jobId, long step) =>
        [.. sink.Spans.Where(s => Hex(s.Span.TraceId) == StepTrace.IdOf(jobId, step).ToHexString()).Select(s => (s.Resource.Of("service.name")!, s.Span))];

    private static string Hex(ByteString id) => Convert.ToHexStringLower(id.Span);
}
