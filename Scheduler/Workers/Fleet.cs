using System.Threading.Channels;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Workers;

/// <summary>A worker whose stream is open.</summary>
internal sealed class FleetMember(JoinRequest request)
{
    public string WorkerId => request.WorkerId;
    public string DeterminismClass => request.DeterminismClass;
    public string? JobId { get; private set; } = request.JobId.Length > 0 ? request.JobId : null;

    /// <value>Newest last; only the newest matters to the worker.</value>
    public Channel<Assignment> Assignments { get; } = Channel.CreateBounded<Assignment>(new BoundedChannelOptions(4) { FullMode = BoundedChannelFullMode.DropOldest });

    public WorkerStatus Status => new(WorkerId, JobId, request.Device, request.Threads, DeterminismClass);

    /// <param name="job">Null: idle.</param>
    public void Assign(SubmitRequest? job)
    {
        JobId = job?.JobId;
        var assignment = new Assignment();
        if (job is not null)
        {
            assignment.JobId = job.JobId;
            assignment.JobJson = job.JobJson;
            assignment.RunDirectory = job.RunDirectory;
            if (job.ResumeStep is { } step)
            {
                assignment.ResumeStep = step;
            }
        }

        Assignments.Writer.TryWrite(assignment);
    }
}

/// <summary>The workers there are, and who works on what. Jobs are served in order of submission, each up to its maximum.</summary>
internal sealed class Fleet
{
    private readonly Lock _gate = new();
    private readonly List<FleetMember> _members = [];

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

            var member = new FleetMember(request);
            _members.Add(member);
            return member;
        }
    }

    /// <returns>Whether the member was still the one of its name.</returns>
    public bool Leave(FleetMember member)
    {
        lock (_gate)
        {
            member.Assignments.Writer.TryComplete();
            return _members.Remove(member);
        }
    }

    public int CountOf(string jobId)
    {
        lock (_gate)
        {
            return _members.Count(m => m.JobId == jobId);
        }
    }

    /// <summary>Gives idle workers to a job, up to its maximum; one that has not begun begins only with its minimum.</summary>
    /// <returns>The workers that were given.</returns>
    public IReadOnlyList<string> Staff(JobRun job)
    {
        lock (_gate)
        {
            int have = _members.Count(m => m.JobId == job.Id);
            string? known = job.DeterminismClass is { } opened ? WithoutThreads(opened) : _members.FirstOrDefault(m => m.JobId == job.Id)?.DeterminismClass;
            // All workers of a job compute the same bits only within one class: the largest one that is idle is taken.
            FleetMember[] idle = [.. _members.Where(m => m.JobId is null).GroupBy(m => m.DeterminismClass).Where(g => known is null || WithoutThreads(g.Key) == WithoutThreads(known)).OrderByDescending(g => g.Count()).FirstOrDefault() ?? Enumerable.Empty<FleetMember>()];
            if (job.State == JobState.Queued && have + idle.Length < job.Spec.Workers.Min)
            {
                return [];
            }

            FleetMember[] taken = [.. idle.Take(Math.Max(0, job.Spec.Workers.Max - have))];
            foreach (FleetMember member in taken)
            {
                member.Assign(job.Request);
            }

            return [.. taken.Select(m => m.WorkerId)];
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
    public void Release(string jobId)
    {
        lock (_gate)
        {
            foreach (FleetMember member in _members.Where(m => m.JobId == jobId))
            {
                member.Assign(null);
            }
        }
    }

    // The number of threads is the job's, not the worker's.
    private static string WithoutThreads(string determinismClass) => string.Join(' ', determinismClass.Split(' ').Where(part => !part.StartsWith("threads-", StringComparison.Ordinal)));
}
