using System.Diagnostics.Metrics;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.ServiceDefaults.Telemetry;

namespace Lockstep.Scheduler.Telemetry;

/// <summary>Workers by state.</summary>
/// <param name="Desired">As the policy wants.</param>
/// <param name="Registered">Whose stream is open.</param>
/// <param name="Active">That have a job.</param>
/// <param name="Draining">That get no job any more.</param>
internal readonly record struct WorkerCounts(int Desired, int Registered, int Active, int Draining);

/// <summary>A job that is not over.</summary>
/// <param name="Slots">M.</param>
/// <param name="Workers">That work on it now.</param>
/// <param name="Waited">How long it has been waiting for workers; null: it has some.</param>
internal readonly record struct JobGauge(string JobId, JobState State, int Slots, int Workers, TimeSpan? Waited);

/// <summary>What the scheduler sees of jobs, workers and grants. Times are in seconds.</summary>
internal sealed class SchedulerMetrics
{
    public const string MeterName = "Lockstep.Scheduler";

    private static readonly JobState[] Unfinished = [.. Enum.GetValues<JobState>().Where(state => !state.IsOver())];

    private const string JobTag = "lockstep.job.id";
    private const string UseTag = "use";
    private const string OutcomeTag = "outcome";

    private readonly Histogram<double> _step;
    private readonly Histogram<double> _sync;
    private readonly Histogram<double> _delay;
    private readonly Counter<long> _steps;
    private readonly Counter<long> _samples;
    private readonly Counter<long> _decisions;
    private readonly Counter<long> _grants;
    private readonly Counter<double> _time;
    private readonly StragglerTable _stragglers;

    public SchedulerMetrics(IMeterFactory meters, TimeProvider? time = null)
    {
        _stragglers = new StragglerTable(time ?? TimeProvider.System);
        Meter meter = meters.Create(MeterName);
        _step = meter.CreateDurationHistogram("lockstep.scheduler.step.duration", "From one step's report to the next: the job's pace.");
        _sync = meter.CreateLatencyHistogram("lockstep.scheduler.sync.duration", "Sync latency of a job's steps: last contribution in → next version held by the workers.");
        _delay = meter.CreateDelayHistogram("lockstep.scheduler.scaling.delay", "From the decision for one more worker to the first accepted contribution of a new one.");
        _steps = meter.CreateCounter<long>("lockstep.scheduler.steps", "{step}", "Steps reported.");
        _samples = meter.CreateCounter<long>("lockstep.scheduler.samples", "{sample}", "Samples of the steps reported; its rate is the job's samples a second.");
        _decisions = meter.CreateCounter<long>("lockstep.scheduler.scaling.decisions", "{decision}", "Changes of the desired number of workers, by direction and reason.");
        _grants = meter.CreateCounter<long>("lockstep.scheduler.grants", "{slot}", "Slots granted for the first time, granted again, revoked.");
        _time = meter.CreateCounter<double>("lockstep.scheduler.job.time", "s", "Wall time of jobs by what it went to: training and evaluating are goodput, the rest is badput by cause.");
        // An instrument a state: who shows one adds its series up.
        Workers("desired", "Workers that the jobs want.", counts => counts.Desired);
        Workers("registered", "Workers that have joined.", counts => counts.Registered);
        Workers("active", "Workers that have a job.", counts => counts.Active);
        Workers("draining", "Workers that hand in what they have in hand, and end.", counts => counts.Draining);
        foreach (JobState state in Unfinished)
        {
            meter.CreateObservableGauge($"lockstep.scheduler.jobs.{JobWords.Of(state)}", () => Jobs().Count(j => j.State == state), "{job}", $"Jobs that are {JobWords.Of(state)}.");
        }

        meter.CreateObservableGauge("lockstep.scheduler.queue.depth", () => Jobs().Count(j => j.Waited is not null), "{job}", "Jobs that wait for workers.");
        meter.CreateObservableGauge("lockstep.scheduler.queue.age", () => Jobs().Max(j => j.Waited)?.TotalSeconds ?? 0, "s", "How long the job that waits longest has waited.");
        meter.CreateObservableGauge("lockstep.scheduler.utilization", () => Jobs().Where(j => j.Workers > 0).Select(j => Of(Utilization(j.Slots, j.Workers), j.JobId)), "1", "M / (W · ⌈M / W⌉): the part of the workers' time that a step of M slots can use.");
        meter.CreateObservableGauge("lockstep.scheduler.straggler.ratio", () => Jobs().Select(j => (j.JobId, Ratio: _stragglers.Ratio(j.JobId))).Where(j => j.Ratio > 0).Select(j => Of(j.Ratio, j.JobId)), "1", "Mean slot time of the slowest worker over the median of all; 1: nobody is slow.");

        void Workers(string state, string description, Func<WorkerCounts, int> count) => meter.CreateObservableGauge($"lockstep.scheduler.workers.{state}", () => count(WorkersNow()), "{worker}", description);
    }

    /// <value>Asked whenever metrics are read.</value>
    public Func<WorkerCounts> WorkersNow { get; set; } = static () => default;

    /// <value>Asked whenever metrics are read; jobs that are not over.</value>
    public Func<IReadOnlyList<JobGauge>> JobsNow { get; set; } = static () => [];

    public static double Utilization(int slots, int workers) => (double)slots / ((long)workers * ((slots + workers - 1) / workers));

    /// <param name="syncMs">0: not measured.</param>
    /// <param name="slotMs">By worker, the usual time of a slot, milliseconds.</param>
    /// <returns>Whose pace is now another.</returns>
    public IReadOnlyList<PaceChange> Stepped(string jobId, double stepMs, double syncMs, long samples, IReadOnlyDictionary<string, double> slotMs)
    {
        _step.Record(stepMs / 1000, Job(jobId));
        if (syncMs > 0)
        {
            _sync.Record(syncMs / 1000, Job(jobId));
        }

        _steps.Add(1, Job(jobId));
        _samples.Add(samples, Job(jobId));
        return _stragglers.Observe(jobId, slotMs);
    }

    /// <summary>So much more of the job's wall time is accounted for.</summary>
    public void Spent(string jobId, IReadOnlyDictionary<TimeUse, TimeSpan> times)
    {
        foreach ((TimeUse use, TimeSpan time) in times)
        {
            _time.Add(time.TotalSeconds, Job(jobId), new(UseTag, JobWords.Of(use)));
        }
    }

    /// <summary>Another number of workers is desired.</summary>
    public void Decided(int from, int to, ScalingReason reason) =>
        _decisions.Add(1, new("direction", to > from ? "up" : "down"), new("reason", JobWords.Of(reason)));

    /// <summary>A worker that was asked for has been of use.</summary>
    public void Useful(TimeSpan sinceDecision) => _delay.Record(sinceDecision.TotalSeconds);

    /// <summary>What ps-0 granted since the step before.</summary>
    public void Granted(StepReport report)
    {
        Count("first", report.Granted - report.GrantedAgain);
        Count("again", report.GrantedAgain);
        Count("revoked", report.Revoked);
    }

    /// <summary>Nothing more will come of the job.</summary>
    public void Forget(string jobId) => _stragglers.Forget(jobId);

    private void Count(string outcome, long slots)
    {
        if (slots > 0)
        {
            _grants.Add(slots, new KeyValuePair<string, object?>(OutcomeTag, outcome));
        }
    }

    private IReadOnlyList<JobGauge> Jobs() => JobsNow();

    private static Measurement<double> Of(double value, string jobId) => new(value, Job(jobId));

    private static KeyValuePair<string, object?> Job(string jobId) => new(JobTag, jobId);
}

/// <summary>Why another number of workers is desired.</summary>
internal enum ScalingReason
{
    /// <summary>Somebody asked for a number.</summary>
    Person = 1,
    /// <summary>The policy, going by the jobs and their speeds.</summary>
    Policy = 2,
    /// <summary>No job wants workers.</summary>
    Idle = 3,
}
