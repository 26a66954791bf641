using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Services;

/// <summary>Body of POST /jobs.</summary>
/// <param name="JobId">Unique; the same id with the same body again is answered alike.</param>
/// <param name="JobJson">The job as canonical JSON.</param>
/// <param name="RunDirectory">Folder of the run: checkpoints/ and cache/ are made in it. Empty: the scheduler chooses one.</param>
/// <param name="ResumeStep">Checkpoint to start from.</param>
/// <param name="AcceptCode">The same of another identity of the code of models and data sources.</param>
/// <param name="AcceptClass">The run in the folder may have been computed in another determinism class: what its ledger has beyond the checkpoint is set aside then.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record SubmitRequest(string JobId, string JobJson, string RunDirectory = "", long? ResumeStep = null, bool AcceptClass = false, bool AcceptCode = false);

[JsonConverter(typeof(JobStateConverter))]
public enum JobState
{
    /// <summary>Not begun.</summary>
    Queued = 1,
    Running = 2,
    Finished = 3,
    Failed = 4,
    Cancelled = 5,
    /// <summary>A person halted it.</summary>
    Paused = 6,
    /// <summary>It has fewer workers than its minimum, and goes on by itself when they are there.</summary>
    Waiting = 7,
    /// <summary>Workers look through its data and build its model; what they find wrong fails it. No step is begun.</summary>
    Checking = 8,
}

/// <summary>Answer of GET /jobs/{id}.</summary>
public sealed record JobStatus(string JobId, JobState State, string? Error, long Step, long TotalSteps, long StepsPerEpoch, int Workers)
{
    /// <value>What <see cref="Error"/> comes of, where that is known.</value>
    public FailureCause? Cause { get; init; }

    /// <value>Folder of the run, as the scheduler's machine names it.</value>
    public string RunDirectory { get; init; } = "";
}

/// <summary>Answer of GET /workers.</summary>
public sealed record WorkerStatus(string WorkerId, string? JobId, string Device, int Threads, string DeterminismClass, bool Draining = false);

/// <summary>Answer of POST /jobs/{id}/checkpoint.</summary>
/// <param name="Step">So many steps are in the checkpoint, which is on the disk of every shard.</param>
public sealed record CheckpointStatus(string JobId, long Step);

/// <summary>Data of one server-sent event of GET /jobs/{id}/events?from=N. The event's id is its number.</summary>
/// <param name="Report">A step or an evaluation that was done: a <see cref="Runs.RunRecord"/>.</param>
/// <param name="Note">What else happened, for people: workers that came and went, decisions with their reasons.</param>
public sealed record JobEvent(long Number, JobStatus Status, System.Text.Json.JsonElement? Report, string? Note = null);

/// <summary>Answer of GET /jobs/{id}/logs?from=N: what happened to a job, its single steps left out.</summary>
/// <param name="Next">Where the next page begins.</param>
/// <param name="Over">Nothing more will come.</param>
public sealed record JobLogPage(IReadOnlyList<JobEvent> Events, long Next, bool Over);

/// <summary>Answer of GET /workers/desired: the number of workers that the jobs want now, which every launcher acts on.</summary>
/// <param name="Reason">Why this many, for people.</param>
public sealed record DesiredWorkers(int Desired, string Reason)
{
    /// <value>Names of workers that work on no job: where there are too many, these are the first to stop.</value>
    public IReadOnlyList<string> Idle { get; init; } = [];
}

/// <summary>Body of POST /workers/scale.</summary>
/// <param name="Workers">How many workers there shall be, whatever the policy thinks; null: the policy decides again.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ScaleRequest([property: JsonRequired] int? Workers);

/// <summary>Headers of the scheduler's HTTP API.</summary>
public static class SchedulerHeaders
{
    /// <summary>Carries the key that every request not from loopback needs.</summary>
    public const string ApiKey = "X-Api-Key";

    /// <summary>Number of the last event that a reader has, when it connects again.</summary>
    public const string LastEventId = "Last-Event-ID";
}

/// <summary>Paths of the scheduler's HTTP API.</summary>
public static class SchedulerRoutes
{
    public const string Jobs = "/jobs";
    public const string Workers = "/workers";
    public const string DesiredWorkers = "/workers/desired";
    public const string ScaleWorkers = "/workers/scale";
    public const string Fleet = "/fleet";
    public const string FleetEvents = "/fleet/events";
    /// <summary>A page to read and try the API with.</summary>
    public const string ApiPage = "/api";
    public const string OpenApi = "/openapi/v1.json";
    public const string Health = "/health";
    public const string Alive = "/alive";
    public const string Metrics = "/metrics";
    public static string Job(string id) => $"/jobs/{id}";
    public static string Events(string id, long from) => $"/jobs/{id}/events?from={from}";
    public static string Logs(string id, long from) => $"/jobs/{id}/logs?from={from}";
    public static string Summary(string id) => $"/jobs/{id}/summary";
    public static string Cancel(string id) => $"/jobs/{id}/cancel";
    public static string Pause(string id) => $"/jobs/{id}/pause";
    public static string Resume(string id) => $"/jobs/{id}/resume";
    public static string Checkpoint(string id) => $"/jobs/{id}/checkpoint";
    public static string Drain(string worker) => $"/workers/{worker}/drain";
}
