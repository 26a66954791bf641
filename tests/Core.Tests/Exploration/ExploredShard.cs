using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>One life of a parameter server: its shard, the streams of workers, and in that of ps-0 the grants. A real <see cref="ShardJob"/> and a real <see cref="GrantTable"/>.</summary>
internal sealed class ExploredShard(StepExploration world, int shard)
{
    // By stream: the pushes on it that are not whole.
    private readonly Dictionary<(long Stream, long Push), PushTicket> _tickets = [];

    public int Shard { get; } = shard;

    /// <value>Null: this process knows nothing of the job.</value>
    public ShardJob? Job { get; private set; }

    public List<ExploredStream> Streams { get; } = [];

    /// <value>Of ps-0.</value>
    public GrantTable? Grants { get; private set; }

    /// <value>Evaluation slots that are in at ps-0's version.</value>
    public HashSet<int> Evaluated { get; } = [];

    /// <summary>Takes the job up, in a generation of its own.</summary>
    public void Host(ShardJob job)
    {
        Job = job;
        _tickets.Clear();
        Evaluated.Clear();
        // A generation's end ends its streams.
        foreach (ExploredStream stream in Streams.ToArray())
        {
            stream.Break(0, stream.Down.Count);
        }

        Streams.Clear();
        if (Shard == 0)
        {
            Grants = new GrantTable(job.Descriptor.Slots, world.EvaluationSlots);
        }
    }

    public void Connect(ExploredStream stream)
    {
        if (Job is not { HasValues: true } job)
        {
            stream.Break(0, 0);
            return;
        }

        foreach (ExploredStream older in Streams.Where(s => s.Worker == stream.Worker).ToArray())
        {
            older.Break(0, older.Down.Count);
            Streams.Remove(older);
            Grants?.Lose(older.Id);
        }

        Streams.Add(stream);
        Grants?.Join(stream.Id, stream.Worker);

        if (world.Rules.OffersKeptVersion && job.ViewEarlier([]) is { } kept)
        {
            stream.SendDown(Offer(kept));
        }

        stream.SendDown(Offer(job.View(-1)));
    }

    /// <summary>A message of a worker arrives.</summary>
    public void Receive(ExploredStream stream)
    {
        object message = stream.Up.Dequeue();
        if (message is StreamEnd)
        {
            if (Streams.Remove(stream))
            {
                Grants?.Lose(stream.Id);
            }

            return;
        }

        if (!Streams.Contains(stream) || Job is not { } job)
        {
            return;
        }

        switch (message)
        {
            case ChunkMessage chunk:
                Take(job, stream, chunk);
                break;
            case ProgressMessage progress:
                Grants?.Begin(stream.Id, progress.Cursor, progress.Slot);
                break;
            case IdleMessage idle:
                Grants?.Idle(stream.Id, idle.Cursor, idle.Grant, world.Now);
                break;
            case EvaluationMessage evaluation when (evaluation.Cursor.Generation, evaluation.Cursor.Step) == (job.Cursor.Generation, job.Cursor.Step):
                Evaluated.Add(evaluation.Slot);
                Grants?.Contribute(stream.Id, evaluation.Cursor, [evaluation.Slot], 1);
                if (Evaluated.Count == world.EvaluationSlots)
                {
                    world.Divide();
                }

                break;
        }
    }

    /// <summary>A new version is there: its turn goes out.</summary>
    public void Offer()
    {
        Evaluated.Clear();
        foreach (ExploredStream stream in Streams)
        {
            stream.SendDown(Offer(Job!.View(-1)));
        }
    }

    public void Send(IEnumerable<GrantOrder> orders)
    {
        foreach (GrantOrder order in orders)
        {
            Streams.FindLast(s => s.Id == order.Session)?.SendDown(order);
        }
    }

    private void Take(ShardJob job, ExploredStream stream, ChunkMessage message)
    {
        var key = (stream.Id, message.Push);
        if (!_tickets.TryGetValue(key, out PushTicket? ticket))
        {
            _tickets[key] = ticket = job.BeginPush(message.Header);
            Grants?.Contribute(stream.Id, message.Header.Cursor, message.Header.Reports.Select(r => r.Slot), 1);
        }

        if (message.Chunk is { } chunk)
        {
            job.AddChunk(ticket, chunk);
        }

        if (message.IsLast)
        {
            _tickets.Remove(key);
            PushResult result = job.EndPush(ticket);
            world.Answered(result);
            stream.SendDown(new AnswerMessage(message.Push, result));
        }
    }

    private static TurnOffer Offer(PulledVersion version)
    {
        using (version)
        {
            return new TurnOffer(version.Cursor, version.Values!.Value.ToArray(), version.Hints.ToArray());
        }
    }
}
