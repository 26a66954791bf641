using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using Lockstep.Contracts.Services;
using Lockstep.ServiceDefaults.Telemetry;
using Lockstep.ServiceDefaults.Tests.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Proto.Logs.V1;
using OpenTelemetry.Proto.Metrics.V1;
using OpenTelemetry.Proto.Trace.V1;

namespace Lockstep.ServiceDefaults.Tests.Otlp;

/// <summary>One service against a collector, over the wire.</summary>
public sealed class OtlpTests
{
    private static readonly ActivitySource Source = new("Lockstep.Test.Otlp");

    [Fact]
    public async Task Metrics_arrive_with_names_units_kinds_and_resource()
    {
        await using CollectorSink sink = await CollectorSink.StartAsync(TestContext.Current.CancellationToken);
        IReadOnlyList<Instrument> instruments;
        await using (TestService service = await StartAsync(sink))
        {
            instruments = AllInstruments.Make(service.Services);
            AllInstruments.Measure(service.Services, instruments);
        }

        foreach (Instrument instrument in instruments)
        {
            (var resource, Metric metric) = Assert.Single(sink.Metrics, m => m.Metric.Name == instrument.Name);
            Assert.Equal(instrument.Unit, metric.Unit);
            Assert.Equal(instrument.Description, metric.Description);
            Assert.Equal(AllInstruments.KindOf(instrument) switch { "histogram" => Metric.DataOneofCase.Histogram, "counter" => Metric.DataOneofCase.Sum, _ => Metric.DataOneofCase.Gauge }, metric.DataCase);
            Assert.Equal("worker-7", resource.Of("service.name"));
            Assert.Equal("here-7", resource.Of("service.instance.id"));
        }

        Metric ratio = sink.Metrics.Single(m => m.Metric.Name == "lockstep.scheduler.straggler.ratio").Metric;
        Assert.Equal(2, Assert.Single(ratio.Gauge.DataPoints).AsDouble);
        Metric utilization = sink.Metrics.Single(m => m.Metric.Name == "lockstep.scheduler.utilization").Metric;
        // 8 slots on 3 workers take 3 rounds: 8 of 9 places are used.
        Assert.Equal(8.0 / 9, Assert.Single(utilization.Gauge.DataPoints).AsDouble, 12);
    }

    [Fact]
    public async Task The_process_tells_its_CPU_and_memory()
    {
        await using CollectorSink sink = await CollectorSink.StartAsync(TestContext.Current.CancellationToken);
        await using (await StartAsync(sink))
        {
        }

        Metric cpu = sink.Metrics.First(m => m.Metric.Name == "dotnet.process.cpu.time").Metric;
        Assert.Equal("s", cpu.Unit);
        Assert.True(cpu.Sum.DataPoints.Sum(p => p.AsDouble) > 0);
        Metric memory = sink.Metrics.First(m => m.Metric.Name == "dotnet.process.memory.working_set").Metric;
        Assert.Equal("By", memory.Unit);
    }

    [Fact]
    public async Task Logs_carry_their_event_id_and_the_trace_they_were_written_in()
    {
        await using CollectorSink sink = await CollectorSink.StartAsync(TestContext.Current.CancellationToken);
        string trace;
        await using (TestService service = await StartAsync(sink))
        {
            using Activity? step = new StepTrace(1).Begin(Source, "step", "job", 3);
            trace = step!.TraceId.ToHexString();
            service.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Lockstep.Test").Log(LogLevel.Warning, new EventId(42, "Happened"), "worker-1", null, (state, _) => $"{state} happened");
        }

        LogRecord record = Assert.Single(sink.Logs, l => l.Record.Body.StringValue == "worker-1 happened").Record;
        Assert.Equal(trace, Convert.ToHexStringLower(record.TraceId.Span));
        Assert.Equal(SeverityNumber.Warn, record.SeverityNumber);
        Assert.Contains("42", record.ToString(), StringComparison.Ordinal);
        Span span = Assert.Single(sink.Spans, s => s.Span.Name == "step").Span;
        Assert.Equal(trace, Convert.ToHexStringLower(span.TraceId.Span));
        Assert.Equal(record.SpanId, span.SpanId);
    }

    [Fact]
    public async Task A_collector_that_takes_connections_and_never_answers_does_not_keep_a_service_from_ending()
    {
        using var collector = new TcpListener(IPAddress.Loopback, 0);
        collector.Start();
        var ending = new Stopwatch();
        await using (TestService service = await TestService.StartAsync(TestContext.Current.CancellationToken, null, (EnvironmentNames.OtlpEndpoint, $"http://{collector.LocalEndpoint}")))
        {
            using Activity? step = new StepTrace(1).Begin(Source, "step", "job", 3);
            AllInstruments.Measure(service.Services, AllInstruments.Make(service.Services));
            service.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Lockstep.Test").Log(LogLevel.Warning, new EventId(42, "Happened"), "worker-1", null, (state, _) => state);
            step?.Stop();
            ending.Start();
        }

        // Somebody did try: it is not that there was nothing to send.
        Assert.True(collector.Pending());
        // Left to themselves the three exporters take five seconds each.
        Assert.InRange(ending.Elapsed.TotalSeconds, 0, 9);
    }

    [Fact]
    public async Task Probes_and_scrapes_make_no_spans()
    {
        await using CollectorSink sink = await CollectorSink.StartAsync(TestContext.Current.CancellationToken);
        await using (TestService service = await StartAsync(sink))
        {
            foreach (string path in new[] { "/health", "/alive", "/metrics" })
            {
                Assert.Equal(200, (await service.AskAsync(path, TestContext.Current.CancellationToken)).Status);
            }

            Assert.Equal(404, (await service.AskAsync("/nothing", TestContext.Current.CancellationToken)).Status);
        }

        // The collector lives in this process too, and its own requests are seen with the service's.
        Span[] server = [.. sink.Spans.Select(s => s.Span).Where(s => s.Kind == Span.Types.SpanKind.Server && !IsOfCollector(s))];
        Assert.Equal("/nothing", Assert.Single(server).Of("url.path"));
    }

    /// <summary>A request that began before the service listened has gRPC's tags alone.</summary>
    private static bool IsOfCollector(Span span) => (span.Of("url.path") ?? span.Of("grpc.method"))?.StartsWith("/opentelemetry.proto.collector.", StringComparison.Ordinal) == true;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Requests_are_measured_of_a_service_that_has_an_http_api(bool hasHttpApi)
    {
        await using TestService service = await TestService.StartAsync(hasHttpApi, null, [], TestContext.Current.CancellationToken);
        Assert.Equal(404, (await service.AskAsync("/nothing", TestContext.Current.CancellationToken)).Status);
        string scraped = await service.GetAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Contains("dotnet_gc_", scraped, StringComparison.Ordinal);
        Assert.Equal(hasHttpApi, scraped.Contains("http_server_request_duration", StringComparison.Ordinal));
    }

    private static Task<TestService> StartAsync(CollectorSink sink) => TestService.StartAsync(
        TestContext.Current.CancellationToken,
        null,
        (EnvironmentNames.OtlpEndpoint, sink.Endpoint),
        (EnvironmentNames.OtelServiceName, "worker-7"),
        (EnvironmentNames.OtelResourceAttributes, "service.instance.id=here-7"));
}
