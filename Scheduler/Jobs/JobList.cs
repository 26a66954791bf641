using System.Collections.Concurrent;
using Lockstep.Scheduler.Paths;

namespace Lockstep.Scheduler.Jobs;

/// <summary>The jobs that this scheduler knows: all that are not over, and the newest that are. Safe for many callers.</summary>
internal sealed class JobList
{
    private const int FinishedKept = 16;

    private readonly ConcurrentDictionary<string, ScheduledJob> _jobs = new(StringComparer.Ordinal);
    private long _added;

    /// <value>In order of submission.</value>
    public IEnumerable<ScheduledJob> InOrder => _jobs.Values.OrderBy(j => j.Order);

    /// <value>Jobs that are not over, in order of submission.</value>
    public IReadOnlyList<ScheduledJob> Open => [.. InOrder.Where(j => !j.IsOver)];

    /// <returns>Null: it is not known here.</returns>
    public ScheduledJob? Find(string jobId) => _jobs.GetValueOrDefault(jobId);

    /// <summary>A job that is not over and writes to a folder, or to one inside or around it.</summary>
    /// <param name="folder">Absolute path.</param>
    /// <exception cref="IOException">Links on the way cannot be followed.</exception>
    public ScheduledJob? WriterOf(string folder) => InOrder.FirstOrDefault(j => !j.IsOver && RealPath.Overlap(j.Folder.Path, folder));

    /// <summary>Adds a job behind all others. Redis keeps all jobs that are over; this list keeps the newest of them.</summary>
    /// <returns>False: the list has a job with this id.</returns>
    public bool TryAdd(ScheduledJob job)
    {
        job.Order = Interlocked.Increment(ref _added);
        if (!_jobs.TryAdd(job.Id, job))
        {
            return false;
        }

        foreach (ScheduledJob old in InOrder.Where(j => j.IsOver).SkipLast(FinishedKept).ToArray())
        {
            Remove(old);
        }

        return true;
    }

    /// <summary>Forgets a job.</summary>
    public void Remove(ScheduledJob job) => _jobs.TryRemove(job.Id, out _);

    /// <summary>Forgets all jobs: they are another scheduler's.</summary>
    public void Clear() => _jobs.Clear();
}
