using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>A worker's stream to a shard: what is on its way, each way in order. A break loses any tail of it.</summary>
/// <param name="shard">The process at the other end; a shard that starts anew is another one.</param>
/// <param name="speed">How often of 100 something on it arrives that could.</param>
internal sealed class ExploredStream(StepExploration world, long id, string worker, ExploredShard shard, int speed) : IStepSink
{
    private bool _isEnded;

    public long Id { get; } = id;
    public string Worker { get; } = worker;
    public ExploredShard Shard { get; } = shard;
    public int Speed { get; } = speed;

    /// <value>Nothing arrives for a while.</value>
    public bool IsStalled { get; set; }

    public Queue<object> Up { get; } = new();
    public LinkedList<object> Down { get; } = [];
    public bool IsBroken { get; private set; }

    public void SendUp(object message)
    {
        if (!IsBroken)
        {
            Up.Enqueue(message);
        }
    }

    public void Send(ShardMessage message)
    {
        if (_isEnded || IsBroken)
        {
            message.Release();
            return;
        }

        // It may have been sent already.
        if (message is TurnMessage turn && Down.OfType<TurnMessage>().FirstOrDefault(t => t.Version.Cursor.Step + (world.Rules.KeepsTwoTurns ? 1 : 0) < turn.Version.Cursor.Step) is { } old && world.Random.Next(2) == 0)
        {
            Down.Remove(old);
            old.Release();
            world.Seen.Dropped++;
        }

        Down.AddLast(message);
    }

    public void End(Exception? reason)
    {
        if (!_isEnded && !IsBroken)
        {
            _isEnded = true;
            Down.AddLast(new StreamEnd());
        }
    }

    public object TakeDown()
    {
        object next = Down.First!.Value;
        Down.RemoveFirst();
        return next;
    }

    /// <param name="keepsUp">How much of what is on its way up still arrives.</param>
    public void Break(int keepsUp, int keepsDown)
    {
        if (IsBroken)
        {
            return;
        }

        IsBroken = true;
        object[] kept = [.. Up.Take(keepsUp)];
        Up.Clear();
        foreach (object message in kept)
        {
            Up.Enqueue(message);
        }

        Up.Enqueue(new StreamEnd());
        while (Down.Count > keepsDown)
        {
            (Down.Last!.Value as ShardMessage)?.Release();
            Down.RemoveLast();
        }

        Down.AddLast(new StreamEnd());
    }

    /// <value>The worker said that it leaves, and all that it said arrives.</value>
    public bool IsLeft { get; private set; }

    /// <summary>The worker is gone: what it sent arrives, or a part of it, and nobody reads.</summary>
    public void Leave(int keepsUp, bool isOrderly = false)
    {
        IsLeft = isOrderly && !IsBroken;
        Break(keepsUp, 0);
        Down.Clear();
    }
}

/// <summary>What a stream begins with.</summary>
/// <param name="Held">Versions whose values of the shard the worker holds.</param>
internal sealed record StreamBegin(IReadOnlyCollection<Cursor> Held);

internal sealed record StreamEnd;

/// <param name="Chunk">Null: the shard has none, or the slot is not finite.</param>
internal sealed record ChunkMessage(long Push, Contribution Header, ChunkSum? Chunk, bool IsFirst, bool IsLast);
