using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>Something that happened beside the compute thread.</summary>
internal abstract record StepEvent
{
    public sealed record Opened(int Shard, IStepStream Stream) : StepEvent;

    public sealed record Ended(int Shard) : StepEvent;

    public sealed record Offered(int Shard, OfferedVersion Version) : StepEvent;

    public sealed record Received(int Shard, ShardMessage Message) : StepEvent;

    /// <summary>A shard lost the values of version 0 and wants them again.</summary>
    public sealed record InitialWanted(TaskCompletionSource<float[]> Values) : StepEvent;

    /// <summary>The worker cannot go on with the job.</summary>
    public sealed record Failed(Exception Exception) : StepEvent;
}

/// <summary>What happened, for the one thread that computes. It blocks where nothing did; nobody else ever waits.</summary>
internal sealed class StepMailbox
{
    // A monitor blocks at once: a step may take minutes.
    private readonly object _gate = new();
    // Bounded by the protocol: a few messages a step, and the compute thread looks between two slots.
    private readonly Queue<StepEvent> _events = [];
    private bool _isWoken;

    public void Post(StepEvent happened)
    {
        lock (_gate)
        {
            _events.Enqueue(happened);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Ends a wait without news: a token was cancelled.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            _isWoken = true;
            Monitor.Pulse(_gate);
        }
    }

    public bool TryTake(out StepEvent? happened)
    {
        lock (_gate)
        {
            return _events.TryDequeue(out happened);
        }
    }

    /// <summary>Blocks until there is something to take, or somebody woke.</summary>
    public void Wait()
    {
        lock (_gate)
        {
            while (_events.Count == 0 && !_isWoken)
            {
                Monitor.Wait(_gate);
            }

            _isWoken = false;
        }
    }
}
