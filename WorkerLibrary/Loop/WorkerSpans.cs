using System.Diagnostics;
using System.Globalization;
using Lockstep.Core.Protocol;
using Lockstep.ServiceDefaults.Telemetry;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>The spans that a worker makes of a traced step. Nothing is made outside of one.</summary>
internal static class WorkerSpans
{
    public const string SourceName = "Lockstep.Worker";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>A step, from holding its version to holding the next; this worker's root of the step's trace.</summary>
    /// <returns>Null: the step is not traced.</returns>
    public static Activity? Step(StepTrace trace, string jobId, Cursor cursor, string workerId) =>
        trace.Begin(Source, "step", jobId, cursor.Step)?.SetTag(SpanNames.Cursor, cursor.ToString()).SetTag(SpanNames.Worker, workerId);

    /// <summary>A part of the step in hand.</summary>
    /// <returns>Null: the step is not traced.</returns>
    public static Activity? Part(string name, int? slot = null)
    {
        if (Activity.Current is not { Recorded: true } current || !ReferenceEquals(current.Source, Source))
            return null;
        Activity? part = Source.StartActivity(name);
        if (slot is { } number)
            part?.SetTag(SpanNames.Slot, number.ToString(CultureInfo.InvariantCulture));
        return part;
    }

    /// <summary>A version that came from a shard: a child of the shard's update, which is what the worker waited for.</summary>
    public static void Pulled(OfferedVersion view, int shard, TimeProvider time)
    {
        if (view.Trace == default)
            return;
        DateTimeOffset arrived = time.GetUtcNow() - TimeSpan.FromMilliseconds(view.ReceiveMs);
        using Activity? pull = Source.StartActivity(ActivityKind.Client, view.Trace, startTime: arrived, name: "pull");
        pull?.SetTag(SpanNames.Shard, shard.ToString(CultureInfo.InvariantCulture)).SetTag(SpanNames.Cursor, view.Cursor.ToString());
    }
}
