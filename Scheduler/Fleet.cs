using System.Threading.Channels;
using Lockstep.Contracts.Services;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler;

/// <summary>A worker whose stream is open.</summary>
internal sealed class FleetMember(JoinRequest request)
{
    public string WorkerId => request.WorkerId;
    public string DeterminismClass => request.DeterminismClass;
    public string? JobId { get; private set; }

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

    /// <summary>Gives idle workers to a job.</summary>
    /// <param name="started">Otherwise it begins only with its minimum.</param>
    /// <returns>The workers that were given.</returns>
    public IReadOnlyList<string> Staff(SubmitRequest job, int minimum, int maximum, bool started)
    {
        lock (_gate)
        {
            int have = _members.Count(m => m.JobId == job.JobId);
            string? known = _members.FirstOrDefault(m => m.JobId == job.JobId)?.DeterminismClass;
            // All workers of a job compute the same bits only within one class: the largest one that is idle is taken.
            FleetMember[] idle = [.. _members.Where(m => m.JobId is null).GroupBy(m => m.DeterminismClass).Where(g => known is null || g.Key == known).OrderByDescending(g => g.Count()).FirstOrDefault() ?? Enumerable.Empty<FleetMember>()];
            if (!started && have + idle.Length < minimum)
            {
                return [];
            }

            FleetMember[] taken = [.. idle.Take(Math.Max(0, maximum - have))];
            foreach (FleetMember member in taken)
            {
                member.Assign(job);
            }

            return [.. taken.Select(m => m.WorkerId)];
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
}
