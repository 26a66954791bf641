namespace Lockstep.Scheduler.Telemetry;

/// <summary>A worker that was as fast as the others is slow, or the other way round.</summary>
/// <param name="Ratio">Its mean slot time over the median of the others'.</param>
internal readonly record struct PaceChange(string WorkerId, double Ratio, bool IsSlow);

/// <summary>Mean slot times by job and worker: how much slower the slowest worker is than the middle one, and who is slow all the time. Safe for many callers.</summary>
/// <remarks>As many entries as workers computed slots of a job's recent steps; gone with the job.</remarks>
internal sealed class StragglerTable(TimeProvider time)
{
    private const double Weight = 0.1;

    /// <summary>A worker that has computed in none of so many steps is no longer one of the job's.</summary>
    private const int Remembered = 100;

    /// <summary>So many times as slow as the others is slow.</summary>
    private const double Slow = 2;

    /// <summary>In so many more of its steps than not: who is slow for a moment is no news, and its slots are taken over meanwhile; one that halts and hurries in turns is slow all the time. It is so no more once that is made up for.</summary>
    private const int SlowSteps = 50;

    /// <summary>And for so long: short steps on a busy machine make fifty in a moment.</summary>
    private static readonly TimeSpan SlowTime = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, JobTimes> _jobs = new(StringComparer.Ordinal);

    /// <param name="slotMs">By worker: the mean time of a slot in one step, milliseconds.</param>
    /// <returns>Whose pace is now another.</returns>
    public IReadOnlyList<PaceChange> Observe(string jobId, IReadOnlyDictionary<string, double> slotMs)
    {
        lock (_gate)
        {
            if (!_jobs.TryGetValue(jobId, out JobTimes? job))
            {
                _jobs[jobId] = job = new JobTimes();
            }

            job.Steps++;
            foreach ((string worker, double ms) in slotMs)
            {
                double mean = job.Workers.TryGetValue(worker, out WorkerTime known) ? known.Mean + (Weight * (ms - known.Mean)) : ms;
                job.Workers[worker] = known with { Mean = mean, LastStep = job.Steps };
            }

            foreach (string gone in job.Workers.Where(w => job.Steps - w.Value.LastStep > Remembered).Select(w => w.Key).ToArray())
            {
                job.Workers.Remove(gone);
            }

            return Judge(job, slotMs.Keys);
        }
    }

    /// <returns>Slowest over median; 0: nothing was measured.</returns>
    public double Ratio(string jobId)
    {
        lock (_gate)
        {
            if (!_jobs.TryGetValue(jobId, out JobTimes? job) || job.Workers.Count == 0)
            {
                return 0;
            }

            double median = Median(job.Workers.Values);
            return median > 0 ? job.Workers.Values.Max(w => w.Mean) / median : 0;
        }
    }

    public void Forget(string jobId)
    {
        lock (_gate)
        {
            _jobs.Remove(jobId);
        }
    }

    private List<PaceChange> Judge(JobTimes job, IEnumerable<string> timed)
    {
        var changes = new List<PaceChange>();
        foreach (string worker in timed)
        {
            double others = Median(job.Workers.Where(w => w.Key != worker).Select(w => w.Value));
            WorkerTime own = job.Workers[worker];
            double ratio = others > 0 ? own.Mean / others : 0;
            int slow = Math.Clamp(own.SlowSteps + (ratio >= Slow ? 1 : -1), 0, SlowSteps);
            long since = own.SlowSteps == 0 ? time.GetTimestamp() : own.SlowSince;
            bool isSlow = own.IsSlow ? slow > 0 : slow == SlowSteps && time.GetElapsedTime(since) >= SlowTime;
            job.Workers[worker] = own with { SlowSteps = slow, SlowSince = since, IsSlow = isSlow };
            if (isSlow != own.IsSlow)
            {
                changes.Add(new PaceChange(worker, ratio, isSlow));
            }
        }

        return changes;
    }

    /// <returns>0: there are none.</returns>
    private static double Median(IEnumerable<WorkerTime> workers)
    {
        double[] times = [.. workers.Select(w => w.Mean).Order()];
        return times.Length == 0 ? 0 : (times[(times.Length - 1) / 2] + times[times.Length / 2]) / 2;
    }

    private sealed class JobTimes
    {
        public Dictionary<string, WorkerTime> Workers { get; } = new(StringComparer.Ordinal);
        public long Steps { get; set; }
    }

    private readonly record struct WorkerTime(double Mean, long LastStep, int SlowSteps, long SlowSince, bool IsSlow);
}
