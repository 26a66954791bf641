namespace Lockstep.Contracts.Runs;

/// <summary>What the wall time of a run goes to; every moment belongs to one of them. Goodput are <see cref="Training"/> and <see cref="Evaluating"/>, the rest is badput by cause.</summary>
public enum TimeUse
{
    /// <summary>Steps that counted, done for the first time.</summary>
    Training = 1,
    /// <summary>Validation.</summary>
    Evaluating = 2,
    /// <summary>Queued, and until the first step is done: workers start, open the data and compile.</summary>
    Starting = 3,
    /// <summary>Fewer workers than the job needs.</summary>
    Waiting = 4,
    /// <summary>Halted by somebody.</summary>
    Paused = 5,
    /// <summary>A shard cannot be reached, or is being restored.</summary>
    Recovering = 6,
    /// <summary>What a step took beyond the usual because a worker was lost in it, or for a reason that is not known: a worker or Redis that did not answer, or a busy machine.</summary>
    Stalled = 7,
    /// <summary>Work that was done again: steps after the state of a shard, or of the run before it was resumed, was lost.</summary>
    Repeating = 8,
    /// <summary>Training was held up by a checkpoint.</summary>
    Checkpointing = 9,
    /// <summary>No scheduler was there, and the steps of that time do not account for it.</summary>
    SchedulerAway = 10,
    /// <summary>From the last step or evaluation to the end: work in hand that came to nothing, and writing the result.</summary>
    Ending = 11,
}
