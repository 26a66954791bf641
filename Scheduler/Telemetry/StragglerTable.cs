namespace Lockstep.Scheduler.Telemetry;

/// <summary>Mean slot times by job and worker, and how much slower the slowest worker is than the middle one. Safe for many callers.</summary>
/// <remarks>As many entries as workers contributed in a job's recent steps; gone with the job.</remarks>
internal sealed class StragglerTable
{
    private const double Weight = 0.1;

    /// <summary>A worker that has contributed to none of so many steps is no longer one of the job's.</summary>
    private const int Remembered = 100;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, JobTimes> _jobs = new(StringComparer.Ordinal);

    /// <param name="slotMs">By worker: the mean time of a slot in one step, milliseconds.</param>
    public void Observe(string jobId, IReadOnlyDictionary<string, double> slotMs)
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
                job.Workers[worker] = new WorkerTime(mean, job.Steps);
            }

            foreach (string gone in job.Workers.Where(w => job.Steps - w.Value.LastStep > Remembered).Select(w => w.Key).ToArray())
            {
                job.Workers.Remove(gone);
            }
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

            double[] times = [.. job.Workers.Values.Select(w => w.Mean).Order()];
            double median = (times[(times.Length - 1) / 2] + times[times.Length / 2]) / 2;
            return median > 0 ? times[^1] / median : 0;
        }
    }

    public void Forget(string jobId)
    {
        lock (_gate)
        {
            _jobs.Remove(jobId);
        }
    }

    private sealed class JobTimes
    {
        public Dictionary<string, WorkerTime> Workers { get; } = new(StringComparer.Ordinal);
        public long Steps { get; set; }
    }

    private readonly record struct WorkerTime(double Mean, long LastStep);
}
