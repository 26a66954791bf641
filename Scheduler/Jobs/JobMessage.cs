using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Jobs;

/// <summary>What a job is told. Its <see cref="Lifecycle"/> takes one message after the other and answers each: whether it changed the job.</summary>
internal abstract record JobMessage
{
    private readonly TaskCompletionSource<bool> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <value>Whether the message changed the job. It fails with what the lifecycle failed with, and is cancelled where the scheduler's term ends first.</value>
    public Task<bool> Answer => _answer.Task;

    /// <summary>Answers.</summary>
    /// <param name="isChanged">Whether the message changed the job.</param>
    public void Done(bool isChanged) => _answer.TrySetResult(isChanged);

    /// <summary>The message could not be taken.</summary>
    public void Fail(Exception exception)
    {
        _answer.TrySetException(exception);
        // Who only tells does not look at the answer.
        _ = _answer.Task.Exception;
    }

    /// <summary>Another scheduler is in charge, or this one ends.</summary>
    public void Cancel() => _answer.TrySetCanceled(CancellationToken.None);

    /// <summary>Halt after the step in hand.</summary>
    internal sealed record Pause : JobMessage;

    /// <summary>Go on after a halt.</summary>
    internal sealed record Resume : JobMessage;

    /// <summary>Be over.</summary>
    /// <param name="State">Finished, failed or cancelled.</param>
    /// <param name="Error">Why it failed; null: it did not.</param>
    /// <param name="Cause">What the error comes of; null: there is none, or it is not known.</param>
    internal sealed record End(JobState State, string? Error = null, FailureCause? Cause = null) : JobMessage;

    /// <summary>The fleet gave it workers, or called some off, or left all as it is.</summary>
    internal sealed record Staffed(StaffingChange Change) : JobMessage;

    /// <summary>A worker read the data and built the model.</summary>
    internal sealed record Opened(string DeterminismClass) : JobMessage;

    /// <summary>Its records are there, and with them how far it is and goes.</summary>
    internal sealed record Begun : JobMessage;

    /// <summary>A worker cannot do it.</summary>
    internal sealed record WorkerFailed(FailRequest Request) : JobMessage;

    /// <summary>A worker looked through its data and found what is no error and nobody will have meant.</summary>
    internal sealed record Warned(IReadOnlyList<string> Warnings) : JobMessage;

    /// <summary>A worker of it is gone.</summary>
    internal sealed record WorkerLeft(string WorkerId) : JobMessage;
}
