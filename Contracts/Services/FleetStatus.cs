namespace Lockstep.Contracts.Services;

/// <summary>Answer of GET /fleet, and data of each server-sent event of GET /fleet/events: all that there is at once, for those who show it or act on it.</summary>
/// <param name="Wanted">How many workers the jobs want.</param>
/// <param name="Jobs">In order of submission.</param>
public sealed record FleetStatus(DesiredWorkers Wanted, IReadOnlyList<FleetJob> Jobs, IReadOnlyList<WorkerStatus> Workers);

/// <summary>A job with what its newest step says.</summary>
/// <param name="RunDirectory">Its folder, where the scheduler's machine has it.</param>
/// <param name="Loss">Of the newest step; null: none was done since this scheduler started, or it is no finite number.</param>
/// <param name="Samples">Of a step; 0: not known yet.</param>
public sealed record FleetJob(JobStatus Status, string RunDirectory, double? Loss, long Samples);
