using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>A worker's process around a real <see cref="WorkerState"/> and real sums.</summary>
internal sealed class ExploredWorker(StepExploration world, string name)
{
    private readonly JobDescriptor _job = world.Job;
    private readonly Dictionary<Cursor, TurnOffer?[]> _staged = [];
    private readonly Dictionary<long, Queue<(int Shard, ChunkMessage Chunk)>> _sending = [];
    private readonly float[] _values = new float[world.Layout.Elements];
    private readonly float[] _gradient = new float[world.Layout.Elements];
    private short[][] _hints = [];
    private GroupBuilder? _group;
    private SlotWork? _hand;

    public string Name { get; } = name;
    public bool IsFrozen { get; set; }
    public WorkerState State { get; } = new(world.Job.Shards);
    public ExploredStream?[] Streams { get; } = new ExploredStream?[world.Job.Shards];

    private void Connect(int shard)
    {
        if (Streams[shard] is not null)
        {
            return;
        }

        Streams[shard] = world.Open(Name, shard);
        State.Connect(shard);
    }

    /// <summary>A message of a shard arrives.</summary>
    public void Receive(int shard)
    {
        if (Streams[shard] is not { Down.Count: > 0 } stream)
        {
            return;
        }

        switch (stream.Down.Dequeue())
        {
            case StreamEnd:
                Streams[shard] = null;
                State.Disconnect(shard);
                foreach (Queue<(int Shard, ChunkMessage Chunk)> sending in _sending.Values)
                {
                    // Its end answers all that was sent on it.
                    (int, ChunkMessage)[] others = [.. sending.Where(s => s.Shard != shard)];
                    sending.Clear();
                    foreach ((int, ChunkMessage) other in others)
                    {
                        sending.Enqueue(other);
                    }
                }

                break;
            case TurnOffer offer:
                Cursor version = offer.Version with { Attempt = 0 };
                if (!_staged.TryGetValue(version, out TurnOffer?[]? parts))
                {
                    _staged[version] = parts = new TurnOffer?[_job.Shards];
                }

                parts[shard] = offer;
                State.Offer(shard, version);
                break;
            case GrantOrder { IsRevoke: true } revoke:
                State.Revoke(revoke.Cursor, revoke.Slots);
                break;
            case GrantOrder grant:
                State.Grant(grant.Cursor, grant.Slots, grant.Number);
                break;
            case AnswerMessage answer:
                State.Answer(shard, answer.Push, answer.Result);
                break;
        }
    }

    public void ActUnlessFrozen(int what)
    {
        if (!IsFrozen)
        {
            Act(what);
        }
    }

    public void ConnectUnlessFrozen(int shard)
    {
        if (!IsFrozen)
        {
            Connect(shard);
        }
    }

    /// <summary>Does one thing, if there is one to do.</summary>
    private void Act(int what)
    {
        switch (what)
        {
            case 0 when _hand is null && State.TryLoad(out Cursor version):
                Load(version);
                break;
            case 1 when _hand is null && State.TryBegin(out SlotWork work):
                _hand = work;
                Streams[0]?.SendUp(new ProgressMessage(work.Cursor, work.Slot));
                break;
            case 2 when _hand is { } hand:
                Finish(hand);
                break;
            case 3 when State.TryPush(out IReadOnlyList<int> slots):
                Push(_group!, slots);
                _group = null;
                break;
            case 4:
                SendChunk();
                break;
            case 5 when State.TryIdle(out Cursor at, out long grant):
                Streams[0]!.SendUp(new IdleMessage(at, grant));
                break;
        }
    }

    private void Load(Cursor version)
    {
        TurnOffer[] parts = _staged[version]!;
        for (int shard = 0; shard < parts.Length; shard++)
        {
            world.Layout.Scatter(shard, parts[shard].Values, _values);
        }

        _hints = [.. parts.Select(p => p.Hints)];
        _group = null;
        foreach (Cursor old in _staged.Keys.Where(c => c <= version).ToArray())
        {
            _staged.Remove(old);
        }
    }

    private void Finish(SlotWork work)
    {
        _hand = null;
        SlotUse use = State.Finish();
        if (use == SlotUse.Evaluation)
        {
            Streams[0]?.SendUp(new EvaluationMessage(work.Cursor, work.Slot, new(1, work.Slot, [], [], []), 1));
        }

        if (use is SlotUse.None or SlotUse.Evaluation)
        {
            return;
        }

        StubGradients.Fill(_gradient, _values, work.Cursor.Step, work.Slot, world.Spike);
        GroupBuilder builder = use == SlotUse.Group && _group is not null ? _group : Begin(work.Cursor);
        builder.Add(work.Slot, 1, work.Cursor.Step + work.Slot, _gradient);
        if (use == SlotUse.Group)
        {
            _group = builder;
        }
        else
        {
            Push(builder, [work.Slot]);
        }
    }

    private GroupBuilder Begin(Cursor cursor)
    {
        var builder = new GroupBuilder(_job, world.Layout);
        builder.Begin(cursor, _hints);
        return builder;
    }

    private void Push(GroupBuilder builder, IReadOnlyList<int> slots)
    {
        IReadOnlyList<Contribution> parts = builder.Build(Name);
        long push = State.Push(slots, out _);
        var sending = new Queue<(int, ChunkMessage)>();
        for (int shard = 0; shard < parts.Count; shard++)
        {
            Contribution part = parts[shard];
            if (part.Chunks.Count == 0 && Streams[shard] is not null)
            {
                sending.Enqueue((shard, new ChunkMessage(push, part, null, true)));
            }

            for (int i = 0; i < part.Chunks.Count && Streams[shard] is not null; i++)
            {
                sending.Enqueue((shard, new ChunkMessage(push, part with { Chunks = [] }, part.Chunks[i], i == part.Chunks.Count - 1)));
            }
        }

        _sending[push] = sending;
    }

    private void SendChunk()
    {
        foreach ((long push, Queue<(int Shard, ChunkMessage Chunk)> sending) in _sending)
        {
            if (sending.Count == 0)
            {
                _sending.Remove(push);
                return;
            }

            (int shard, ChunkMessage chunk) = sending.Dequeue();
            Streams[shard]?.SendUp(chunk);
            return;
        }
    }
}
