using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Workers;

/// <summary>The workers there are, and who works on what. Jobs are served in order of submission, each up to its maximum.</summary>
/// <param name="time">Of quarantines.</param>
internal sealed class Fleet(TimeProvider time)
{
    private static readonly TimeSpan FirstQuarantine = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestQuarantine = TimeSpan.FromMinutes(10);

    /// <summary>Machines that come and go for months have a name each.</summary>
    private const int MostOut = 1000;

    /// <summary>By worker; bounded by the workers that ever failed.</summary>
    private readonly Dictionary<string, (DateTimeOffset Until, int Times)> _quarantines = new(StringComparer.Ordinal);

    private readonly Lock _gate = new();
    private readonly List<FleetMember> _members = [];

    /// <summary>By worker, the process that was asked to leave: it may not have heard of it where its stream broke. Gone with the next process of that name.</summary>
    private readonly Dictionary<string, string> _askedToLeave = new(StringComparer.Ordinal);

    /// <summary>By worker, the process whose stream ended; it may be halted, or cut off, and come back.</summary>
    private readonly Dictionary<string, string> _out = new(StringComparer.Ordinal);

    public IReadOnlyList<WorkerStatus> Workers
    {
        get
        {
            lock (_gate)
            {
                return [.. _members.Select(m => m.Status)];
            }
        }
    }

    /// <summary>Takes a worker in. One of the same name that was there before is gone: a process holds one stream.</summary>
    public FleetMember Join(JoinRequest request)
    {
        lock (_gate)
        {
            foreach (FleetMember old in _members.Where(m => m.WorkerId == request.WorkerId).ToArray())
            {
                _members.Remove(old);
                old.Assignments.Writer.TryComplete();
            }

            var member = new FleetMember(request) { IsBack = _out.Remove(request.WorkerId, out string? gone) && gone.Length > 0 && gone == request.Incarnation };
            _members.Add(member);
            if (_askedToLeave.TryGetValue(request.WorkerId, out string? asked))
            {
                if (asked == request.Incarnation && asked.Length > 0)
                {
                    member.Drain();
                }
                else
                {
                    _askedToLeave.Remove(request.WorkerId);
                }
            }

            return member;
        }
    }

    /// <returns>Whether the member was still the one of its name.</returns>
    public bool Leave(FleetMember member)
    {
        lock (_gate)
        {
            member.Assignments.Writer.TryComplete();
            if (!_members.Remove(member))
            {
                return false;
            }

            if (_out.Count >= MostOut)
            {
                _out.Clear();
            }

            _out[member.WorkerId] = member.Incarnation;
            return true;
        }
    }

    public IReadOnlyList<string> WorkersOf(string jobId)
    {
        lock (_gate)
        {
            return [.. _members.Where(m => m.JobId == jobId).Select(m => m.WorkerId)];
        }
    }

    /// <value>Those that work on no job.</value>
    public IReadOnlyList<string> Idlers
    {
        get
        {
            lock (_gate)
            {
                return [.. _members.Where(m => m is { JobId: null, IsDraining: false }).Select(m => m.WorkerId)];
            }
        }
    }

    public int CountOf(string jobId)
    {
        lock (_gate)
        {
            return _members.Count(m => m.JobId == jobId);
        }
    }

    /// <param name="desired">As the policy wants.</param>
    public WorkerCounts Counts(int desired)
    {
        lock (_gate)
        {
            return new(desired, _members.Count, _members.Count(m => m.JobId is not null), _members.Count(m => m.IsDraining));
        }
    }

    /// <summary>Brings the number of a job's workers to what it shall have: gives it idle ones, or calls the newest off. Below its minimum it has none.</summary>
    public StaffingChange Staff(ScheduledJob job)
    {
        lock (_gate)
        {
            FleetMember[] have = [.. _members.Where(m => m.JobId == job.Id)];
            string? known = job.DeterminismClass ?? have.FirstOrDefault()?.DeterminismClass ?? _members.FirstOrDefault(m => job.Classes.FitsCheckpoint(m.DeterminismClass))?.DeterminismClass;
            // All workers of a job compute the same bits only within one class: the largest one that is idle is taken.
            FleetMember[] free = [.. _members.Where(m => m is { JobId: null, IsDraining: false } && !IsQuarantined(m))];
            FleetMember[] idle = [.. free.GroupBy(m => job.Classes.Essence(m.DeterminismClass)).Where(g => known is null || g.Key == job.Classes.Essence(known)).OrderByDescending(g => g.Count()).FirstOrDefault() ?? Enumerable.Empty<FleetMember>()];
            int wanted = job.WantsWorkers ? Math.Min(job.Spec.Workers.Max, job.TargetWorkers) : 0;
            // Whoever could be of use, and is not, shall know why. A job that has no class yet may still take theirs.
            FleetMember[] unfit = known is not null && have.Length + idle.Length < wanted ? [.. free.Where(m => !job.Classes.Fits(m.DeterminismClass, known) && job.TryRefuse(m.WorkerId, m.Incarnation))] : [];
            if (have.Length + idle.Length < job.Spec.Workers.Min)
            {
                wanted = 0;
            }

            FleetMember[] taken = [.. idle.Take(Math.Max(0, wanted - have.Length))];
            foreach (FleetMember member in taken)
            {
                member.Assign(job.Request);
            }

            FleetMember[] released = [.. have.TakeLast(Math.Max(0, have.Length - wanted))];
            foreach (FleetMember member in released)
            {
                member.Assign(null);
            }

            return new(Names(taken), Names(released), have.Length + taken.Length - released.Length)
            {
                Unfit = [.. unfit.Select(m => job.Classes.Refusal(m.WorkerId, m.DeterminismClass, known!))],
            };
        }
    }

    /// <summary>A worker failed, or computed nonsense: it gets no work for a while, twice as long each time, and as at first again once it was well for long.</summary>
    /// <returns>For how long.</returns>
    public TimeSpan Quarantine(string workerId)
    {
        lock (_gate)
        {
            (DateTimeOffset until, int before) = _quarantines.GetValueOrDefault(workerId);
            int times = time.GetUtcNow() - until > LongestQuarantine ? 1 : before + 1;
            TimeSpan length = FirstQuarantine * Math.Pow(2, Math.Min(times, 20) - 1);
            length = length < LongestQuarantine ? length : LongestQuarantine;
            _quarantines[workerId] = (time.GetUtcNow() + length, times);
            return length;
        }
    }

    /// <summary>Asks a worker to leave; it gets no other job.</summary>
    /// <returns>False: there is no such worker.</returns>
    public bool Drain(string workerId)
    {
        lock (_gate)
        {
            if (_members.FirstOrDefault(m => m.WorkerId == workerId) is not { } member)
            {
                return false;
            }

            _askedToLeave[workerId] = member.Incarnation;
            member.Drain();
            return true;
        }
    }

    /// <summary>A worker has left its job and is free for another.</summary>
    public void Idle(string workerId, string jobId)
    {
        lock (_gate)
        {
            foreach (FleetMember member in _members.Where(m => m.WorkerId == workerId && m.JobId == jobId))
            {
                member.Assign(null);
            }
        }
    }

    /// <summary>Calls all workers of a job off.</summary>
    public void Release(string jobId) => ReleaseWhere(id => id == jobId);

    /// <summary>Calls all workers off whose job is such a one.</summary>
    /// <param name="isSuch">Given the job's id.</param>
    public void ReleaseWhere(Predicate<string> isSuch)
    {
        lock (_gate)
        {
            foreach (FleetMember member in _members.Where(m => m.JobId is { } jobId && isSuch(jobId)))
            {
                member.Assign(null);
            }
        }
    }

    private bool IsQuarantined(FleetMember member) => _quarantines.TryGetValue(member.WorkerId, out var quarantine) && quarantine.Until > time.GetUtcNow();

    private static string[] Names(IEnumerable<FleetMember> members) => [.. members.Select(m => m.WorkerId)];
}

/// <summary>What changed in a job's staff.</summary>
/// <param name="Workers">How many it has now.</param>
internal sealed record StaffingChange(IReadOnlyList<string> Given, IReadOnlyList<string> Released, int Workers)
{
    /// <value>Sentences for people: which workers have another determinism class than the job. Each comes once for a process of the worker.</value>
    public IReadOnlyList<string> Unfit { get; init; } = [];

    public bool IsNothing => Given.Count == 0 && Released.Count == 0;

    public override string ToString() => string.Join("; ", new[] { Text("joined", Given), Text("called off", Released) }.Where(t => t.Length > 0));

    private static string Text(string what, IReadOnlyList<string> names) => names.Count == 0 ? "" : $"{string.Join(", ", names)} {what}";
}
