namespace Lockstep.ServiceDefaults.Telemetry;

/// <summary>Attributes that spans of all services have in common.</summary>
public static class SpanNames
{
    public const string Job = "lockstep.job.id";
    public const string Step = "lockstep.step";
    public const string Cursor = "lockstep.cursor";
    public const string Slot = "lockstep.slot";
    public const string Shard = "lockstep.shard";
    public const string Worker = "lockstep.worker.id";
    public const string Reason = "lockstep.reason";
}
