using System.Diagnostics;
using Grpc.Core;

namespace Lockstep.Transport.Grpc;

/// <summary>The W3C trace context in a call's metadata and in messages. Only of steps that are traced: all others travel without.</summary>
internal static class TraceContext
{
    private const string Header = "traceparent";

    /// <summary>Metadata that names the caller's span.</summary>
    /// <returns>Null: none is recorded.</returns>
    public static Metadata? OfCaller() => Activity.Current is { Recorded: true } current ? new Metadata { { Header, Format(current.Context) } } : null;

    public static ActivityContext OfRequest(ServerCallContext call) => Parse(call.RequestHeaders.GetValue(Header));

    /// <summary>As version-trace-span-flags; empty for none.</summary>
    public static string Format(ActivityContext context) => context == default ? "" : $"00-{context.TraceId}-{context.SpanId}-{(context.TraceFlags.HasFlag(ActivityTraceFlags.Recorded) ? "01" : "00")}";

    /// <returns>Default: it is missing, none, or not recorded.</returns>
    public static ActivityContext Parse(string? text) =>
        !string.IsNullOrEmpty(text) && ActivityContext.TryParse(text, traceState: null, isRemote: true, out ActivityContext context) && context.TraceFlags.HasFlag(ActivityTraceFlags.Recorded) ? context : default;
}
