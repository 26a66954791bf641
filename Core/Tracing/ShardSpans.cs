using System.Diagnostics;
using System.Globalization;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tracing;

/// <summary>The spans that a shard makes of a traced step. Which steps are traced the workers say, with what they push: nothing is made without their context.</summary>
public static class ShardSpans
{
    public const string SourceName = "Lockstep.ParameterServer";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>A push, as long as it comes in; the current span until disposed.</summary>
    /// <param name="worker">The worker's span that pushes; default: the step is not traced.</param>
    public static Activity? Push(ActivityContext worker) => Begin("push received", worker, ActivityKind.Server);

    public static void Describe(Activity? push, Contribution header) => push?
        .SetTag("lockstep.job.id", header.JobId)
        .SetTag("lockstep.cursor", header.Cursor.ToString())
        .SetTag("lockstep.worker.id", header.WorkerId)
        .SetTag("lockstep.slots", string.Join(' ', header.Reports.Select(r => r.Slot.ToString(CultureInfo.InvariantCulture))));

    /// <summary>The push that is being taken, where its step is traced.</summary>
    public static ActivityContext Current() => Activity.Current is { Recorded: true } current && ReferenceEquals(current.Source, Source) ? current.Context : default;

    /// <summary>The contributions are in: from the first to the last.</summary>
    /// <param name="firstPush">Default: the step is not traced.</param>
    public static void Gathered(ActivityContext firstPush, Func<DateTimeOffset> now, double milliseconds)
    {
        if (firstPush != default)
        {
            using Activity? gather = Begin("gather", firstPush, start: now() - TimeSpan.FromMilliseconds(milliseconds));
        }
    }

    /// <summary>A part of what leads from one version to the next.</summary>
    /// <param name="parent">Default: the step is not traced.</param>
    /// <param name="start">Default: now.</param>
    public static Activity? Begin(string name, ActivityContext parent, ActivityKind kind = ActivityKind.Internal, DateTimeOffset start = default) =>
        parent == default ? null : Source.StartActivity(kind, parent, startTime: start, name: name);
}
