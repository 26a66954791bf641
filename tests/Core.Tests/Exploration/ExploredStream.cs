using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>A worker's stream to a shard: what is on its way, each way in order. A break loses any tail of it.</summary>
internal sealed class ExploredStream(long id, string worker, ExploredShard shard)
{
    public long Id { get; } = id;
    public string Worker { get; } = worker;

    /// <value>The process at the other end; a shard that starts anew is another one.</value>
    public ExploredShard Shard { get; } = shard;

    public Queue<object> Up { get; } = new();
    public Queue<object> Down { get; } = new();
    public bool IsBroken { get; private set; }

    public void SendUp(object message)
    {
        if (!IsBroken)
        {
            Up.Enqueue(message);
        }
    }

    public void SendDown(object message)
    {
        if (!IsBroken)
        {
            Down.Enqueue(message);
        }
    }

    /// <param name="keepsUp">How much of what is on its way up still arrives.</param>
    public void Break(int keepsUp, int keepsDown)
    {
        if (IsBroken)
        {
            return;
        }

        IsBroken = true;
        Cut(Up, keepsUp);
        Cut(Down, keepsDown);
    }

    private static void Cut(Queue<object> queue, int keeps)
    {
        object[] kept = [.. queue.Take(keeps)];
        queue.Clear();
        foreach (object message in kept)
        {
            queue.Enqueue(message);
        }

        queue.Enqueue(new StreamEnd());
    }
}

internal sealed record StreamEnd;

/// <param name="Chunk">Null: the shard has none.</param>
internal sealed record ChunkMessage(long Push, Contribution Header, ChunkSum? Chunk, bool IsLast);

internal sealed record TurnOffer(Cursor Version, float[] Values, short[] Hints);
