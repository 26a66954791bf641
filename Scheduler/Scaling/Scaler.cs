using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Scheduler.Scaling;

/// <summary>Keeps what the policy goes by, and its last decision. Safe for many callers.</summary>
/// <param name="limit">The most workers that the policy may ask for.</param>
internal sealed class Scaler(IScalingPolicy policy, int limit, TimeProvider time)
{
    /// <summary>Steps after a change of workers that say nothing of the new number.</summary>
    private const int Unsettled = 3;

    private const double Weight = 0.1;

    private static readonly ScalingDecision Nothing = new(0, "no job wants workers", []);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, JobMemory> _jobs = new(StringComparer.Ordinal);
    private DateTimeOffset? _idleSince;
    private int? _scale;
    private ScalingDecision _last = Nothing;

    /// <exception cref="InputException">The limit in the environment is no number.</exception>
    public static Scaler From(IConfiguration configuration, TimeProvider time)
    {
        string? text = configuration[EnvironmentNames.MaximumWorkers];
        int limit = string.IsNullOrEmpty(text) ? int.MaxValue
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
            : throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.MaximumWorkers} is '{text}', which is no number of workers.", "Set it to 1 or more, or leave it out for no limit.");
        return new Scaler(configuration[EnvironmentNames.Scaling] is "fixed" ? new AllPolicy() : new SpeedUpPolicy(new SpeedUpOptions()), limit, time);
    }

    /// <value>The most workers that the policy may ask for.</value>
    public int Limit { get; } = limit;

    /// <value>The last decision.</value>
    public ScalingDecision Last
    {
        get
        {
            lock (_gate)
            {
                return _last;
            }
        }
    }

    /// <value>What a person asked for; null: nothing.</value>
    public int? Asked
    {
        get
        {
            lock (_gate)
            {
                return _scale;
            }
        }
    }

    /// <value>What it goes by, but for what a person asked for; a copy.</value>
    public ScalingMemory Memory
    {
        get
        {
            lock (_gate)
            {
                return new(_last.Desired, _last.Reason, _jobs.ToDictionary(j => j.Key, j => new JobScalingMemory(new Dictionary<int, double>(j.Value.Speeds), j.Value.Target, j.Value.Since, j.Value.Retreated)));
            }
        }
    }

    /// <summary>Goes on from what a scheduler before knew; null: from nothing.</summary>
    public void Recall(ScalingMemory? memory)
    {
        lock (_gate)
        {
            _last = memory is null ? Nothing : new ScalingDecision(memory.Desired, memory.Reason, []);
            _jobs.Clear();
            foreach ((string id, JobScalingMemory job) in memory?.Jobs ?? new Dictionary<string, JobScalingMemory>())
            {
                _jobs[id] = new JobMemory(job.Speeds) { Target = job.Target, Since = job.Since, Retreated = job.Retreated };
            }
        }
    }

    /// <summary>A person asks for a number of workers; null: the policy decides again.</summary>
    public void Scale(int? workers)
    {
        lock (_gate)
        {
            _scale = workers;
        }
    }

    /// <summary>Takes the speed of a step into account.</summary>
    public void Observe(string jobId, StepRecord step)
    {
        lock (_gate)
        {
            if (!_jobs.TryGetValue(jobId, out JobMemory? job))
            {
                return;
            }

            int workers = step.SlotsByWorker.Count;
            if (workers != job.Workers)
            {
                (job.Workers, job.Settling) = (workers, Unsettled);
            }

            if (job.Settling-- > 0 || step.StepMs <= 0)
            {
                return;
            }

            double speed = step.Samples / step.StepMs * 1000;
            job.Speeds[workers] = job.Speeds.TryGetValue(workers, out double usual) ? usual + (Weight * (speed - usual)) : speed;
        }
    }

    /// <summary>Decides now.</summary>
    /// <param name="jobs">Those that want workers, in order, with the workers that they have.</param>
    /// <returns>The decision, and whether another number is desired than before.</returns>
    public (ScalingDecision Decision, bool Changed) Decide(IReadOnlyList<(string JobId, int Minimum, int Maximum, int Slots, int Active)> jobs)
    {
        lock (_gate)
        {
            DateTimeOffset now = time.GetUtcNow();
            string[] gone = [.. _jobs.Keys.Except(jobs.Select(j => j.JobId), StringComparer.Ordinal).Order(StringComparer.Ordinal)];
            foreach (string id in gone)
            {
                _jobs.Remove(id);
            }

            foreach ((string id, _, _, _, _) in jobs)
            {
                _jobs.TryAdd(id, new JobMemory(new Dictionary<int, double>()) { Since = now });
            }

            _idleSince = jobs.Count > 0 ? null : _idleSince ?? now;
            ScalingDecision decision = policy.Decide(now, new ScalingSnapshot(
                [.. jobs.Select(j => new JobScalingSnapshot(j.JobId, j.Minimum, j.Maximum, j.Slots, j.Active, _jobs[j.JobId].Speeds, _jobs[j.JobId].Target, _jobs[j.JobId].Since, _jobs[j.JobId].Retreated))],
                _scale,
                Limit,
                _idleSince,
                _last.Desired));
            foreach (JobScalingDecision job in decision.Jobs)
            {
                JobMemory memory = _jobs[job.JobId];
                if (memory.Target != job.Target)
                {
                    (memory.Target, memory.Since) = (job.Target, now);
                }

                memory.Retreated = job.Retreats ? now : memory.Retreated;
            }

            bool changed = decision.Desired != _last.Desired;
            if (changed && gone.Length > 0)
            {
                // The policy gives the reasons of the jobs that are left, which may have been the same before.
                decision = decision with { Reason = $"{string.Join(", ", gone)} {(gone.Length == 1 ? "wants" : "want")} no workers any more; {decision.Reason}" };
            }

            _last = decision;
            return (decision, changed);
        }
    }

    private sealed class JobMemory(IReadOnlyDictionary<int, double> speeds)
    {
        public Dictionary<int, double> Speeds { get; } = new(speeds);
        public int Target { get; set; }
        public DateTimeOffset Since { get; set; }
        public DateTimeOffset? Retreated { get; set; }
        public int Workers { get; set; }
        public int Settling { get; set; }
    }
}
