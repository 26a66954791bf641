using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Faults;

/// <summary>What can be done to a run. See docs/faults.md for what each does.</summary>
public enum FaultKind
{
    /// <summary>SIGKILL to a worker.</summary>
    Kill = 1,
    /// <summary>SIGSTOP to a worker, and SIGCONT after a time.</summary>
    Stop = 2,
    /// <summary>SIGTERM to a worker; the fleet starts it again.</summary>
    Drain = 3,
    /// <summary>One worker more.</summary>
    Add = 4,
    /// <summary>A worker that is halted four fifths of the time.</summary>
    Slow = 5,
    /// <summary>SIGKILL to a parameter server.</summary>
    KillShard = 6,
    /// <summary>SIGKILL to the scheduler.</summary>
    KillScheduler = 7,
    /// <summary>SIGKILL to Redis, which comes back empty.</summary>
    RestartRedis = 8,
    /// <summary>FLUSHALL.</summary>
    EmptyRedis = 9,
    /// <summary>An exception in a worker's training loop.</summary>
    Exception = 10,
    /// <summary>A gradient that is no number.</summary>
    [JsonStringEnumMemberName("nan")]
    NaN = 11,
    /// <summary>A parameter server's checkpoints meet a full disk.</summary>
    FillDisk = 12,
    /// <summary>Requests or answers between a worker and the shards are lost, and the call is made again.</summary>
    Drop = 13,
    /// <summary>Calls are made twice.</summary>
    Duplicate = 14,
    /// <summary>Calls come late.</summary>
    Delay = 15,
    /// <summary>A call is overtaken by the worker's next one, to whichever shard.</summary>
    Reorder = 16,
    /// <summary>Nothing passes between a worker and a shard.</summary>
    Partition = 17,
    /// <summary>The fleet is brought to a number of workers: more are started, or those with the highest numbers drained.</summary>
    Scale = 18,
    /// <summary>SIGSTOP to a parameter server, and SIGCONT after a time.</summary>
    StopShard = 19,
}

/// <summary>Where in a step a process meets its end: a worker's phases, then those of a parameter server, each in the order of a step.</summary>
public enum FaultPhase
{
    /// <summary>The step's version has come from a shard.</summary>
    Pull = 1,
    /// <summary>Before the version goes into the model.</summary>
    Load = 2,
    /// <summary>Slots were granted, and none of these is begun.</summary>
    Grant = 10,
    /// <summary>Before a slot is computed.</summary>
    Compute = 3,
    /// <summary>A slot is computed, and nobody knows of it.</summary>
    Complete = 4,
    /// <summary>A slot counts as completed, and is not in the sum.</summary>
    Encode = 5,
    /// <summary>Slots were taken back: another worker computes them.</summary>
    Revoke = 11,
    /// <summary>No shard has got anything of a push.</summary>
    PushBefore = 6,
    /// <summary>One shard has the push, the others nothing.</summary>
    PushAfterOneShard = 7,
    /// <summary>A shard has got chunks of a push and not its end.</summary>
    PushInChunk = 8,
    /// <summary>All shards have answered a push.</summary>
    Answer = 12,
    /// <summary>A slot of an evaluation is computed, and nobody knows of it.</summary>
    Evaluate = 17,
    /// <summary>All is pushed; the worker waits for the next version.</summary>
    Wait = 9,
    /// <summary>The worker was asked to go and has said so, and is still there.</summary>
    Leave = 13,
    /// <summary>A parameter server has all slots of the step, and has not computed the next version.</summary>
    Update = 14,
    /// <summary>A parameter server has given the next version out, and not announced it.</summary>
    Turn = 15,
    /// <summary>A parameter server has announced the next version, and not heard that all have.</summary>
    Announce = 16,
}

/// <summary>Which way nothing passes.</summary>
public enum PartitionSide
{
    Both = 1,
    /// <summary>The worker's requests are lost.</summary>
    To = 2,
    /// <summary>The shard's answers are lost.</summary>
    From = 3,
}
