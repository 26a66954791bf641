using System.Runtime.CompilerServices;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Jobs.Timing;
using Lockstep.Scheduler.Redis;

namespace Lockstep.Scheduler.Jobs;

/// <summary>A job as this scheduler knows it: its state and what happened last, numbered in order. Safe for many callers.</summary>
internal sealed class JobRun
{
    /// <summary>Events that are kept for readers; all there were are in the run's folder.</summary>
    private const int KeptEvents = 4096;

    /// <summary>How a note begins that is one.</summary>
    public const string Warning = "warning: ";

    /// <summary>More warnings than this are said by no data that a worker looked through.</summary>
    private const int MostWarnings = 100;

    /// <summary>A term has room for four billion events.</summary>
    private const int TermShift = 32;

    /// <summary>A worker asks for the next scheduler within a second.</summary>
    private static readonly TimeSpan RejoinPatience = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Queue<JobEvent> _events = new();
    private readonly Queue<JobEvent> _log = new();
    private readonly Dictionary<string, (long Step, int Times)> _failures = new(StringComparer.Ordinal);
    private readonly Dictionary<int, int> _deaths = [];
    private readonly HashSet<(string WorkerId, string Incarnation)> _refused = [];
    private readonly HashSet<string> _warned = new(StringComparer.Ordinal);
    private long _deathStep = -1;
    private long _next;
    // A scheduler before had workers on it, none of which has joined this one yet.
    private bool _awaitsWorkers;
    // The newest report of it; before one comes, when this scheduler took it on.
    private long _moved;
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="term">Of the scheduler: its events are numbered after those of the schedulers before.</param>
    /// <exception cref="InputException">The request's job is none.</exception>
    public JobRun(JobRecord record, long term, TimeProvider time)
    {
        _next = term << TermShift;
        _time = time;
        // One that waited for workers did not move.
        _moved = time.GetTimestamp() - (record.State == JobState.Waiting ? (long)(RejoinPatience.TotalSeconds * time.TimestampFrequency) : 0);
        _awaitsWorkers = record.State is JobState.Checking or JobState.Running or JobState.Waiting;
        Request = record.Request;
        State = record.State;
        Error = record.Error;
        Progress = record.Progress;
        Spec = JobFile.FromCanonicalJson(Request.JobJson);
        Folder = new RunFolder(Request.RunDirectory);
        Time = new TimeLedger(State, time);
        Barrier = new StartBarrier(Spec.Workers.Min);
        ExpectedClass = Request is { ResumeStep: > 0 and { } step, AcceptClass: false } ? CheckpointSet.ClassOf(Folder.Checkpoints, step) : null;
        _isCodeFree = !Spec.HasOwnCode || Request.AcceptCode;
    }

    private readonly bool _isCodeFree;

    public SubmitRequest Request { get; }
    public JobSpec Spec { get; }
    public RunFolder Folder { get; }
    public string Id => Request.JobId;
    public StartBarrier Barrier { get; }

    /// <value>What its wall time goes to.</value>
    public TimeLedger Time { get; }

    /// <value>Larger for a job that came later.</value>
    public long Order { get; set; }
    public JobState State { get; private set; }
    public string? Error { get; private set; }
    public JobProgress Progress { get; set; }
    public long Step => Progress.Step;

    /// <value>What workers of this job must be; null until one has opened it.</value>
    public string? DeterminismClass { get; private set; }

    /// <value>What the checkpoint was computed in that it begins with; null: there is none, or any class is accepted.</value>
    public string? ExpectedClass { get; }

    /// <summary>Whether a worker may do this job, as far as its class says.</summary>
    /// <param name="known">The class that the job is in, or is to go on in.</param>
    public bool Fits(string workerClass, string known) => Essence(workerClass) == Essence(known);

    /// <summary>What of a class matters to this job.</summary>
    public string Essence(string determinismClass) => OtherClass.WithoutThreads(Spec.HasOwnCode ? determinismClass : OtherClass.WithoutCode(determinismClass));

    /// <summary>Whether a worker may go on from the checkpoint that the job begins with.</summary>
    public bool FitsCheckpoint(string workerClass) => ExpectedClass is { } expected && (_isCodeFree ? OtherClass.WithoutCode(Essence(workerClass)) == OtherClass.WithoutCode(Essence(expected)) : Fits(workerClass, expected));

    /// <value>Whether some worker could read its data and build its model.</value>
    public bool IsOpened => DeterminismClass is not null;

    /// <value>Workers that the scaling policy gives it.</value>
    public int TargetWorkers { get; set; } = int.MaxValue;

    /// <value>As <see cref="TargetWorkers"/>, where somebody starts and stops workers for it; null: their number is fixed, or nothing is decided yet.</value>
    public int? WantedWorkers { get; set; }

    /// <value>It goes on with fewer shards than it had; what workers hold of it is of no use.</value>
    public bool IsRelaid { get; init; }

    /// <value>Whether it wants workers.</value>
    public bool WantsWorkers => State is JobState.Queued or JobState.Checking or JobState.Running or JobState.Waiting;

    /// <value>Is told what is told readers, but for records.</value>
    public Action<string>? Noted { get; set; }

    /// <value>Is told that the state is another.</value>
    public Action? StateChanged { get; set; }

    /// <value>The newest step; null: none was done since this scheduler started.</value>
    public StepRecord? NewestStep { get; private set; }

    /// <value>Ends following the job.</value>
    public CancellationTokenSource Stop { get; } = new();

    /// <value>Whether nothing more will happen.</value>
    public bool IsOver => State is JobState.Finished or JobState.Failed or JobState.Cancelled;

    public JobStatus Status(int workers) => new(Id, State, Error, Step, Progress.TotalSteps, Progress.StepsPerEpoch, workers) { RunDirectory = Folder.Path };

    /// <summary>Whether it can be taken to have none. Those of a job that a scheduler before had work on, and join this one, or stay with that one and show in the steps that are done.</summary>
    /// <param name="workers">That belong to it here.</param>
    public bool LacksWorkers(int workers)
    {
        lock (_gate)
        {
            _awaitsWorkers = _awaitsWorkers && workers == 0;
            bool mayMove = (State == JobState.Running && Time.ShardsAway.Count > 0) || _time.GetElapsedTime(_moved) < RejoinPatience;
            return workers == 0 && !(_awaitsWorkers && mayMove);
        }
    }

    /// <summary>Takes note that workers do steps of it, be they steps that were done before, or that its shards were taken up again.</summary>
    public void Moved()
    {
        lock (_gate)
        {
            _moved = _time.GetTimestamp();
        }
    }

    /// <returns>False: the job is over already, or in this state.</returns>
    public bool TrySetState(JobState state, string? error) => TrySetState(() => state, error);

    /// <summary>Workers have it: they do its steps, or look through it first.</summary>
    /// <returns>False: nothing changed.</returns>
    public bool TrySetBusy() => TrySetState(() => IsOpened || Step > 0 ? JobState.Running : JobState.Checking, null);

    /// <summary>A worker could read its data and build its model.</summary>
    /// <returns>Whether its state is another by that.</returns>
    public bool Opened(string determinismClass)
    {
        lock (_gate)
        {
            DeterminismClass = determinismClass;
        }

        return TrySetState(() => State == JobState.Checking ? JobState.Running : State, null);
    }

    private bool TrySetState(Func<JobState> state, string? error)
    {
        lock (_gate)
        {
            JobState next = state();
            if (IsOver || State == next)
            {
                return false;
            }

            State = next;
            Error = error;
            Time.Changed(next);
        }

        StateChanged?.Invoke();
        return true;
    }

    /// <summary>Takes note that a worker could not do the job.</summary>
    /// <returns>How many times that happened to it since the job moved on last.</returns>
    public int AddFailure(string workerId)
    {
        lock (_gate)
        {
            int times = HasFailed(workerId) ? _failures[workerId].Times + 1 : 1;
            _failures[workerId] = (Step, times);
            return times;
        }
    }

    /// <summary>Whether a worker could not do the job since it moved on last.</summary>
    public bool HasFailed(string workerId)
    {
        lock (_gate)
        {
            return _failures.TryGetValue(workerId, out var known) && known.Step == Step;
        }
    }

    /// <summary>Takes note that it cannot use a worker.</summary>
    /// <param name="incarnation">Of the worker's process, whose streams come and go.</param>
    /// <returns>Whether that is said for the first time.</returns>
    public bool TryRefuse(string workerId, string incarnation)
    {
        lock (_gate)
        {
            return _refused.Add((workerId, incarnation));
        }
    }

    /// <returns>Whether this warning is new.</returns>
    public bool TryWarn(string warning)
    {
        lock (_gate)
        {
            return _warned.Count < MostWarnings && _warned.Add(warning);
        }
    }

    /// <summary>Takes note that a worker died with a slot in hand.</summary>
    /// <returns>How many did with this one, of the newest step that any died at.</returns>
    public int AddDeath(long step, int slot)
    {
        lock (_gate)
        {
            if (step != _deathStep)
            {
                _deathStep = step;
                _deaths.Clear();
            }

            return _deaths[slot] = _deaths.GetValueOrDefault(slot) + 1;
        }
    }

    /// <summary>Tells readers the job's state, with what happened.</summary>
    public void Append(int workers, RunRecord? record, string? note = null)
    {
        lock (_gate)
        {
            var happened = new JobEvent(_next++, Status(workers), record?.ToElement(), note);
            Keep(_events, happened);
            if (record is StepRecord step)
            {
                NewestStep = step;
            }
            else
            {
                Keep(_log, happened);
            }

            _more.TrySetResult();
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        if (note is not null)
        {
            Noted?.Invoke(note);
        }
    }

    /// <summary>What is kept of the job's events but its steps, from a number on.</summary>
    /// <param name="limit">At most so many.</param>
    public JobLogPage Log(long from, int limit)
    {
        lock (_gate)
        {
            JobEvent[] page = [.. _log.Where(e => e.Number >= from).Take(limit)];
            bool more = page.Length == limit;
            return new JobLogPage(page, more ? page[^1].Number + 1 : Math.Max(from, _next), IsTold && !more);
        }
    }

    /// <summary>
    /// Events from a number on (from the oldest that is kept, where that is later), then new ones; ends when the job is over and all were given.
    /// A number that there has not been yet is one of a scheduler before: from the oldest then.
    /// </summary>
    public async IAsyncEnumerable<JobEvent> ReadAsync(long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        for (long next = from <= Next ? Math.Max(0, from) : 0; ;)
        {
            JobEvent[] ready;
            Task more;
            bool over;
            lock (_gate)
            {
                long first = _next - _events.Count;
                ready = next < _next ? [.. _events.Skip((int)Math.Max(0, next - first))] : [];
                more = _more.Task;
                over = IsTold;
            }

            foreach (JobEvent one in ready)
            {
                yield return one;
                next = one.Number + 1;
            }

            if (ready.Length > 0)
            {
                continue;
            }

            if (over)
            {
                yield break;
            }

            await more.WaitAsync(cancellation);
        }
    }

    private long Next
    {
        get
        {
            lock (_gate)
            {
                return _next;
            }
        }
    }

    /// <value>The job is over and its last event says so.</value>
    private bool IsTold => IsOver && _events.LastOrDefault()?.Status.State == State;

    private static void Keep(Queue<JobEvent> events, JobEvent happened)
    {
        events.Enqueue(happened);
        if (events.Count > KeptEvents)
        {
            events.Dequeue();
        }
    }
}
