using System.Threading.Channels;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs.Timing;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Workers;

namespace Lockstep.Scheduler.Jobs;

/// <summary>
/// A job as this scheduler knows it. Anybody may read it and add events. What changes it is a <see cref="JobMessage"/>, which its <see cref="Lifecycle"/> takes.
/// </summary>
internal sealed class ScheduledJob
{
    /// <summary>A worker asks for the next scheduler within a second.</summary>
    private static readonly TimeSpan RejoinPatience = TimeSpan.FromSeconds(5);

    private readonly Channel<JobMessage> _messages = Channel.CreateUnbounded<JobMessage>(new UnboundedChannelOptions { SingleReader = true });
    private readonly HashSet<(string WorkerId, string Incarnation)> _refused = [];
    private readonly EventLog _events;
    private readonly Fleet _fleet;
    private readonly TimeProvider _time;
    private volatile Standing _standing;
    // A scheduler before had workers on it, none of which has joined this one yet.
    private volatile bool _awaitsWorkers;
    // When the newest report of it came; before one comes, when this scheduler took it on.
    private long _moved;

    /// <param name="term">Of the scheduler: its events are numbered after those of the schedulers before.</param>
    /// <exception cref="InputException">The request's job is none.</exception>
    public ScheduledJob(JobRecord record, long term, Fleet fleet, TimeProvider time)
    {
        _fleet = fleet;
        _time = time;
        _standing = new Standing(record.State, record.Error, record.Cause);
        _events = new EventLog(term, () => Status);
        // One that waited for workers did not move.
        _moved = time.GetTimestamp() - (record.State == JobState.Waiting ? (long)(RejoinPatience.TotalSeconds * time.TimestampFrequency) : 0);
        _awaitsWorkers = record.State is JobState.Checking or JobState.Running or JobState.Waiting;
        Request = record.Request;
        Progress = record.Progress;
        Spec = JobFile.FromCanonicalJson(Request.JobJson);
        Folder = new RunFolder(Request.RunDirectory);
        Time = new TimeLedger(State, time);
        Barrier = new StartBarrier(Spec.Workers.Min);
        Classes = new ClassRule(Request, Spec, Folder);
    }

    public SubmitRequest Request { get; }
    public JobSpec Spec { get; }
    public RunFolder Folder { get; }
    public string Id => Request.JobId;

    /// <value>Workers that have opened it wait here for the others that it begins with.</value>
    public StartBarrier Barrier { get; }

    /// <value>What its wall time goes to.</value>
    public TimeLedger Time { get; }

    /// <value>Which workers compute its bits.</value>
    public ClassRule Classes { get; }

    /// <value>Larger for a job that came later.</value>
    public long Order { get; set; }

    public JobState State => _standing.State;
    public string? Error => _standing.Error;
    public FailureCause? Cause => _standing.Cause;
    public JobProgress Progress { get; set; }
    public long Step => Progress.Step;

    /// <value>Whether its shards have it, or had it and will again.</value>
    public bool HasBegun { get; set; }

    /// <value>What workers of this job must be; null until one has opened it.</value>
    public string? DeterminismClass { get; set; }

    /// <value>Whether some worker read its data and built its model.</value>
    public bool IsOpened => DeterminismClass is not null;

    /// <value>Workers that the scaling policy gives it.</value>
    public int TargetWorkers { get; set; } = int.MaxValue;

    /// <value>As <see cref="TargetWorkers"/>, where somebody starts and stops workers for it; null: their number is fixed, or nothing is decided yet.</value>
    public int? WantedWorkers { get; set; }

    /// <value>Workers that belong to it here.</value>
    public int Workers => _fleet.CountOf(Id);

    /// <value>It goes on with fewer shards than it had; what workers hold of it is of no use.</value>
    public bool IsRelaid { get; init; }

    /// <value>Whether it wants workers.</value>
    public bool WantsWorkers => State is JobState.Queued or JobState.Checking or JobState.Running or JobState.Waiting;

    /// <value>Whether nothing more will happen.</value>
    public bool IsOver => State.IsOver();

    /// <value>Whether steps of it are done, and by nobody of this scheduler: its workers stayed with one that stands by.</value>
    public bool IsDoneElsewhere => State == JobState.Running && Workers == 0 && !LacksWorkers(0);

    /// <value>The newest step; null: none was done since this scheduler started.</value>
    public StepRecord? NewestStep { get; private set; }

    /// <value>Receives every note.</value>
    public Action<string>? Noted { get; set; }

    /// <value>As clients see it.</value>
    public JobStatus Status
    {
        get
        {
            Standing standing = _standing;
            JobProgress progress = Progress;
            return new(Id, standing.State, standing.Error, progress.Step, progress.TotalSteps, progress.StepsPerEpoch, Workers) { RunDirectory = Folder.Path, Cause = standing.Cause };
        }
    }

    /// <value>For its lifecycle, in order.</value>
    public ChannelReader<JobMessage> Messages => _messages.Reader;

    /// <summary>Tells it something. Who does not need the answer does not wait for it.</summary>
    /// <returns>Whether that changed the job; false too where the job is over.</returns>
    public Task<bool> TellAsync(JobMessage message)
    {
        if (!_messages.Writer.TryWrite(message))
        {
            if (IsOver)
            {
                message.Done(isChanged: false);
            }
            else
            {
                message.Cancel();
            }
        }

        return message.Answer;
    }

    /// <summary>Takes no message any more. Those that wait are answered: nothing changed, where the job is over.</summary>
    public void Close()
    {
        _messages.Writer.TryComplete();
        while (_messages.Reader.TryRead(out JobMessage? message))
        {
            _ = TellAsync(message);
        }
    }

    /// <summary>Changes the state. For its lifecycle alone.</summary>
    /// <param name="error">Why it failed; null: it did not.</param>
    /// <param name="cause">What the error comes of; null: there is none, or it is not known.</param>
    /// <returns>False: the job is over already, or in this state.</returns>
    public bool TrySetState(JobState state, string? error = null, FailureCause? cause = null)
    {
        if (IsOver || State == state)
        {
            return false;
        }

        _standing = new Standing(state, error, cause);
        Time.Changed(state);
        return true;
    }

    /// <summary>Whether it can be taken to have no workers. Those of a job that a scheduler before had work on it, and join this one, or stay with that one and show in the steps that are done.</summary>
    /// <param name="workers">That belong to it here.</param>
    public bool LacksWorkers(int workers)
    {
        if (workers > 0)
        {
            _awaitsWorkers = false;
            return false;
        }

        bool mayMove = (State == JobState.Running && Time.ShardsAway.Count > 0) || _time.GetElapsedTime(Volatile.Read(ref _moved)) < RejoinPatience;
        return !(_awaitsWorkers && mayMove);
    }

    /// <summary>Takes note that workers do steps of it, be they steps that were done before, or that its shards were taken up again.</summary>
    public void Moved() => Volatile.Write(ref _moved, _time.GetTimestamp());

    /// <summary>Takes note that it cannot use a worker. For the fleet alone.</summary>
    /// <param name="incarnation">Of the worker's process, whose streams come and go.</param>
    /// <returns>Whether that is said for the first time.</returns>
    public bool TryRefuse(string workerId, string incarnation) => _refused.Add((workerId, incarnation));

    /// <summary>Adds a step or an evaluation to its events.</summary>
    public void Append(RunRecord record)
    {
        NewestStep = record as StepRecord ?? NewestStep;
        _events.Append(record, null);
    }

    /// <summary>Adds to its events that its status changed, with what happened.</summary>
    /// <param name="note">For people; null: the status says it.</param>
    public void Append(string? note = null)
    {
        _events.Append(null, note);
        if (note is not null)
        {
            Noted?.Invoke(note);
        }
    }

    /// <inheritdoc cref="EventLog.Page"/>
    public JobLogPage Log(long from, int limit) => _events.Page(from, limit);

    /// <inheritdoc cref="EventLog.ReadAsync"/>
    public IAsyncEnumerable<JobEvent> ReadAsync(long from, CancellationToken cancellation) => _events.ReadAsync(from, cancellation);

    /// <summary>Changes as a whole, for who reads beside the lifecycle.</summary>
    private sealed record Standing(JobState State, string? Error, FailureCause? Cause);
}
