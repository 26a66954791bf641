namespace Lockstep.Hosting;

/// <summary>What a worker's resource is doing.</summary>
internal enum WorkerCondition { Unknown, Stopped, Starting, Running, Stopping }

/// <param name="MayStart">False: it was started a moment ago and is down again; it is left alone for a while.</param>
/// <param name="IsIdle">It works on no job.</param>
internal readonly record struct WorkerSnapshot(int Index, WorkerCondition Condition, bool MayStart, bool IsIdle);

/// <summary>Which workers to start and to stop.</summary>
internal sealed record WorkerScalePlan(IReadOnlyList<int> Start, IReadOnlyList<int> Stop)
{
    /// <summary>The lowest free numbers are started, of the running ones those that are idle stopped, then the highest. One that is starting counts as there, one that is stopping as gone.</summary>
    /// <param name="wanted">Workers that there shall be; what lies outside of the fleet is cut.</param>
    /// <param name="minimum">Workers that are kept whatever is wanted.</param>
    public static WorkerScalePlan Decide(int wanted, int minimum, IReadOnlyList<WorkerSnapshot> workers)
    {
        int target = Math.Clamp(wanted, minimum, workers.Count);
        int there = workers.Count(w => w.Condition is WorkerCondition.Unknown or WorkerCondition.Starting or WorkerCondition.Running);
        return new(
            [.. workers.Where(w => w is { Condition: WorkerCondition.Stopped, MayStart: true }).Select(w => w.Index).Order().Take(Math.Max(0, target - there))],
            [.. workers.Where(w => w.Condition == WorkerCondition.Running).OrderByDescending(w => w.IsIdle).ThenByDescending(w => w.Index).Select(w => w.Index).Take(Math.Max(0, there - target))]);
    }
}
