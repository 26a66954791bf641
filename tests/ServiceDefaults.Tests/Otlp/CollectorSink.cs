using System.Net;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Proto.Collector.Logs.V1;
using OpenTelemetry.Proto.Collector.Metrics.V1;
using OpenTelemetry.Proto.Collector.Trace.V1;
using OpenTelemetry.Proto.Logs.V1;
using OpenTelemetry.Proto.Metrics.V1;
using OpenTelemetry.Proto.Resource.V1;
using OpenTelemetry.Proto.Trace.V1;

namespace Lockstep.ServiceDefaults.Tests.Otlp;

/// <summary>An OTLP collector that keeps what it is sent, decoded from the real protocol.</summary>
internal sealed class CollectorSink : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Received _received;

    private CollectorSink(WebApplication app)
    {
        _app = app;
        _received = app.Services.GetRequiredService<Received>();
    }

    public string Endpoint => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public IReadOnlyList<(Resource Resource, Metric Metric)> Metrics => _received.Snapshot(r => r.Metrics);
    public IReadOnlyList<(Resource Resource, Span Span)> Spans => _received.Snapshot(r => r.Spans);
    public IReadOnlyList<(Resource Resource, LogRecord Record)> Logs => _received.Snapshot(r => r.Logs);

    public static async Task<CollectorSink> StartAsync(CancellationToken cancellation)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        // The services' own settings lie beside the tests, with their ports.
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = 64 << 20);
        builder.Services.AddSingleton<Received>();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        WebApplication app = builder.Build();
        app.MapGrpcService<Traces>();
        app.MapGrpcService<Meters>();
        app.MapGrpcService<LogRecords>();
        await app.StartAsync(cancellation);
        return new CollectorSink(app);
    }

    /// <summary>Waits until what was received will do.</summary>
    public async Task WaitAsync(Func<CollectorSink, bool> enough, CancellationToken cancellation)
    {
        while (true)
        {
            Task more = _received.More;
            if (enough(this))
            {
                return;
            }

            await more.WaitAsync(cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private sealed class Received
    {
        private readonly Lock _gate = new();

        public List<(Resource, Metric)> Metrics { get; } = [];
        public List<(Resource, Span)> Spans { get; } = [];
        public List<(Resource, LogRecord)> Logs { get; } = [];

        private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <value>Done when more was received.</value>
        public Task More
        {
            get
            {
                lock (_gate)
                {
                    return _more.Task;
                }
            }
        }

        public void Add<T>(List<(Resource, T)> list, IEnumerable<(Resource, T)> items)
        {
            lock (_gate)
            {
                list.AddRange(items);
                _more.TrySetResult();
                _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        public IReadOnlyList<T> Snapshot<T>(Func<Received, List<T>> of)
        {
            lock (_gate)
            {
                return [.. of(this)];
            }
        }
    }

    private sealed class Traces(Received received) : TraceService.TraceServiceBase
    {
        public override Task<ExportTraceServiceResponse> Export(ExportTraceServiceRequest request, ServerCallContext context)
        {
            received.Add(received.Spans, request.ResourceSpans.SelectMany(r => r.ScopeSpans.SelectMany(s => s.Spans).Select(span => (r.Resource, span))));
            return Task.FromResult(new ExportTraceServiceResponse());
        }
    }

    private sealed class Meters(Received received) : MetricsService.MetricsServiceBase
    {
        public override Task<ExportMetricsServiceResponse> Export(ExportMetricsServiceRequest request, ServerCallContext context)
        {
            received.Add(received.Metrics, request.ResourceMetrics.SelectMany(r => r.ScopeMetrics.SelectMany(s => s.Metrics).Select(metric => (r.Resource, metric))));
            return Task.FromResult(new ExportMetricsServiceResponse());
        }
    }

    private sealed class LogRecords(Received received) : LogsService.LogsServiceBase
    {
        public override Task<ExportLogsServiceResponse> Export(ExportLogsServiceRequest request, ServerCallContext context)
        {
            received.Add(received.Logs, request.ResourceLogs.SelectMany(r => r.ScopeLogs.SelectMany(s => s.LogRecords).Select(record => (r.Resource, record))));
            return Task.FromResult(new ExportLogsServiceResponse());
        }
    }
}

internal static class OtlpValues
{
    /// <returns>The attribute's text; null: there is none.</returns>
    public static string? Of(this Resource resource, string name) => resource.Attributes.FirstOrDefault(a => a.Key == name)?.Value.StringValue;

    public static string? Of(this NumberDataPoint point, string name) => point.Attributes.FirstOrDefault(a => a.Key == name)?.Value.StringValue;

    public static string? Of(this Span span, string name) => span.Attributes.FirstOrDefault(a => a.Key == name)?.Value is { } value
        ? value.HasIntValue ? value.IntValue.ToString(System.Globalization.CultureInfo.InvariantCulture) : value.StringValue
        : null;
}
