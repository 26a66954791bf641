using Lockstep.Core.Metrics;

namespace Lockstep.Core.Protocol;

/// <summary>What a worker says on its stream to a shard, beside contributions. Nobody waits for an answer to any of it.</summary>
public abstract record WorkerMessage;

/// <summary>To ps-0: a slot is begun.</summary>
public sealed record ProgressMessage(Cursor Cursor, int Slot) : WorkerMessage;

/// <summary>To ps-0: one slot of the evaluation of version cursor.Step; the first one in counts.</summary>
/// <param name="SlotMs">The time that it took, milliseconds.</param>
public sealed record EvaluationMessage(Cursor Cursor, int Slot, EvaluationPart Part, double SlotMs) : WorkerMessage;

/// <summary>To ps-0: all streams are open, the version is loaded, nothing is in hand.</summary>
/// <param name="Cursor">The version.</param>
/// <param name="Grant">Number of the newest grant that came on this stream; 0: none did.</param>
public sealed record IdleMessage(Cursor Cursor, long Grant) : WorkerMessage;

/// <summary>To ps-0: the worker is going. It finishes what it has begun, and takes nothing more.</summary>
public sealed record LeavingMessage : WorkerMessage;

/// <summary>What a shard says on a worker's stream.</summary>
public abstract record ShardMessage
{
    /// <summary>Lets go of memory of the shard's, once the message is delivered or dropped. Once.</summary>
    public virtual void Release()
    {
    }
}

/// <summary>The shard is at a version. A turn that was not sent yet is dropped where a newer one comes, but for that of the version before, which a shard may need help with that is behind.</summary>
public sealed record TurnMessage(PulledVersion Version) : ShardMessage
{
    public override void Release() => Version.Dispose();
}

/// <summary>From ps-0: slots that the worker is to compute.</summary>
/// <param name="Cursor">Attempt 0: of the step; <see cref="Cursor.Evaluation"/>: of the evaluation.</param>
/// <param name="Number">Grows from grant to grant.</param>
public sealed record GrantMessage(Cursor Cursor, IReadOnlyList<int> Slots, long Number) : ShardMessage;

/// <summary>From ps-0: another worker computes these slots.</summary>
public sealed record RevokeMessage(Cursor Cursor, IReadOnlyList<int> Slots) : ShardMessage;

/// <summary>What became of a contribution.</summary>
/// <param name="Push">Its number.</param>
public sealed record AnswerMessage(long Push, PushResult Result) : ShardMessage;

/// <summary>From ps-0: nothing more is to be done or reported of the job.</summary>
public sealed record OverMessage : ShardMessage;

/// <summary>What a worker says first on a stream.</summary>
/// <param name="Held">Versions whose values of this shard the worker holds: they are not sent.</param>
public sealed record StepHello(string JobId, string WorkerId, IReadOnlyCollection<Cursor> Held);

/// <summary>The shard's way to a worker. Safe for many callers; none of them waits.</summary>
public interface IStepSink
{
    /// <summary>Sends a message, sooner or later, after those before it.</summary>
    void Send(ShardMessage message);

    /// <summary>Ends the stream once what was said is sent.</summary>
    /// <param name="reason">The worker is told; null: it has nothing to say.</param>
    void End(Exception? reason);
}

/// <summary>A worker's stream as the shard sees it. Disposing it says that the stream ended.</summary>
public interface IStepSession : IDisposable
{
    void Receive(WorkerMessage message);

    /// <summary>Begins to take a contribution; its chunks follow one by one. Its answer goes out with <see cref="IPushSession.Complete"/>.</summary>
    /// <param name="push">Number that the worker gave it.</param>
    /// <param name="header">A contribution without chunks.</param>
    IPushSession BeginPush(long push, Contribution header);
}

/// <summary>How far a shard is with a step, as it tells ps-0.</summary>
/// <param name="Cursor">The version that the shard is at.</param>
/// <param name="Missing">Slots that some chunk of the shard lacks, ascending.</param>
public sealed record ShardProgress(int Shard, Cursor Cursor, IReadOnlyList<int> Missing)
{
    /// <summary>Whether this tells of a later moment than another report of the same shard: two may overtake each other.</summary>
    public bool IsAfter(ShardProgress other) => Cursor > other.Cursor || (Cursor == other.Cursor && Missing.Count < other.Missing.Count);
}
