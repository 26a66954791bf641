using System.Threading.Channels;
using Lockstep.Contracts.Services;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Workers;

/// <summary>A worker whose stream is open.</summary>
internal sealed class FleetMember(JoinRequest request)
{
    public string WorkerId => request.WorkerId;
    public string Incarnation => request.Incarnation;
    public string DeterminismClass => request.DeterminismClass;
    public string? JobId { get; private set; } = request.JobId.Length > 0 ? request.JobId : null;

    /// <value>Newest last; only the newest matters to the worker.</value>
    public Channel<Assignment> Assignments { get; } = Channel.CreateBounded<Assignment>(new BoundedChannelOptions(4) { FullMode = BoundedChannelFullMode.DropOldest });

    /// <value>The process was here before, and its stream had ended.</value>
    public bool IsBack { get; init; }

    /// <value>It finishes what it has in hand, gets nothing more, and ends.</value>
    public bool IsDraining { get; private set; }

    public WorkerStatus Status => new(WorkerId, JobId, request.Device, request.Threads, DeterminismClass, IsDraining);

    /// <summary>Asks the worker to hand in what it has in hand, and to end. Until its stream ends it belongs to its job.</summary>
    public void Drain()
    {
        IsDraining = true;
        Assignments.Writer.TryWrite(new Assignment { Leave = true });
    }

    /// <param name="job">Null: idle.</param>
    public void Assign(SubmitRequest? job)
    {
        JobId = job?.JobId;
        var assignment = new Assignment { Leave = IsDraining };
        if (job is not null)
        {
            assignment.JobId = job.JobId;
            assignment.JobJson = job.JobJson;
            assignment.RunDirectory = job.RunDirectory;
            if (job.ResumeStep is { } step)
            {
                assignment.ResumeStep = step;
            }

            assignment.AcceptClass = job.AcceptClass;
            assignment.AcceptCode = job.AcceptCode;
        }

        Assignments.Writer.TryWrite(assignment);
    }
}
