using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Which determinism classes one job can be computed in: its bits hold within one.</summary>
internal sealed class ClassRule
{
    private readonly bool _hasOwnCode;
    private readonly bool _acceptsCode;
    // Of the checkpoint that the job begins with; null: there is none, or any class is accepted.
    private readonly string? _ofCheckpoint;

    public ClassRule(SubmitRequest request, JobSpec spec, RunFolder folder)
    {
        _hasOwnCode = spec.HasOwnCode;
        _acceptsCode = !_hasOwnCode || request.AcceptCode;
        _ofCheckpoint = request is { ResumeStep: > 0 and { } step, AcceptClass: false } ? CheckpointSet.ClassOf(folder.Checkpoints, step) : null;
    }

    /// <summary>What of a class matters to this job.</summary>
    public string Essence(string determinismClass) => OtherClass.WithoutThreads(_hasOwnCode ? determinismClass : OtherClass.WithoutCode(determinismClass));

    /// <summary>Whether a worker may do this job, as far as its class says.</summary>
    /// <param name="known">The class that the job is in, or is to go on in.</param>
    public bool Fits(string workerClass, string known) => Essence(workerClass) == Essence(known);

    /// <summary>Whether a worker may go on from the checkpoint that the job begins with. False where the job begins with none, or accepts any class.</summary>
    public bool FitsCheckpoint(string workerClass) =>
        _ofCheckpoint is { } expected && (_acceptsCode ? OtherClass.WithoutCode(Essence(workerClass)) == OtherClass.WithoutCode(Essence(expected)) : Fits(workerClass, expected));

    /// <summary>Why a worker of another class gets no work of this job, for people.</summary>
    /// <param name="known">The class that the job is in, or is to go on in.</param>
    public string Refusal(string workerId, string workerClass, string known) =>
        $"{workerId} gets no work of this job: it computes in the determinism class '{Essence(workerClass)}', the job in '{Essence(known)}', and the bits would differ. Use machines of one class{(_hasOwnCode ? " and builds of one code" : "")} for a job";
}
