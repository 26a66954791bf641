using Lockstep.Core.Grants;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>A worker's process around a real <see cref="WorkerState"/> and real sums.</summary>
/// <param name="isSick">Some of its slots are not finite.</param>
internal sealed class ExploredWorker(StepExploration world, string name, bool isSick)
{
    private readonly JobDescriptor _job = world.Job;
    private readonly SortedDictionary<Cursor, Staged> _staged = [];
    // By shard: what is to go out on its stream.
    private readonly Queue<object>[] _outgoing = [.. Enumerable.Range(0, world.Job.Shards).Select(_ => new Queue<object>())];
    // By push: whose memory it is; null: it is the report of a slot that is not finite.
    private readonly Dictionary<long, GroupBuilder?> _sent = [];
    private readonly HashSet<long> _noGood = [];
    private readonly Stack<GroupBuilder> _free = [];
    private readonly float[] _values = new float[world.Layout.Elements];
    private readonly float[] _gradient = new float[world.Layout.Elements];
    private short[][] _hints = [];
    private GroupBuilder? _group;
    // Where refused slots do not go alone.
    private (GroupBuilder Builder, List<int> Slots)? _refused;
    private SlotWork? _hand;

    public string Name { get; } = name;
    public bool IsSick { get; } = isSick;
    public bool IsFrozen { get; set; }
    public WorkerState State { get; } = new(world.Job.Shards);
    public ExploredStream?[] Streams { get; } = new ExploredStream?[world.Job.Shards];

    /// <value>It said so, and finishes what it has begun.</value>
    public bool IsLeaving { get; private set; }

    /// <value>It computed a slot that is not finite, and said so: it works on the job no more.</value>
    public bool IsNoGood { get; private set; }

    public void Connect(int shard)
    {
        if (Streams[shard] is null && !IsFrozen && !world.IsCut(this, shard))
        {
            Streams[shard] = world.Open(this, shard, [.. _staged.Where(s => s.Value.Parts[shard] is not null).Select(s => s.Key), .. State.Version is { } loaded ? new[] { loaded } : []]);
            State.Connect(shard);
            if (shard == 0 && IsLeaving)
            {
                Say(0, new LeavingMessage());
            }
        }
    }

    /// <summary>A message of a shard arrives.</summary>
    public void Receive(int shard)
    {
        if (IsFrozen || Streams[shard] is not { Down.Count: > 0 } stream)
        {
            return;
        }

        switch (stream.TakeDown())
        {
            case StreamEnd:
                Streams[shard] = null;
                // Where this end ended it, the other one learns of it.
                stream.Leave(stream.Up.Count);
                _outgoing[shard].Clear();
                if (world.Rules.EndAnswers)
                {
                    foreach (PushEnd end in State.Disconnect(shard))
                    {
                        Settle(end);
                    }
                }

                break;
            case TurnMessage turn:
                Offer(shard, turn);
                turn.Release();
                break;
            case RevokeMessage revoke:
                State.Revoke(revoke.Cursor, revoke.Slots);
                world.Seen.Revoked++;
                break;
            case GrantMessage grant:
                State.Grant(grant.Cursor, grant.Slots, grant.Number);
                break;
            case AnswerMessage answer:
                if (State.Answer(shard, answer.Push, answer.Result) is { } settled)
                {
                    Settle(settled);
                }
                else if (!world.Rules.AwaitsAllAnswers && _sent.TryGetValue(answer.Push, out GroupBuilder? early) && early is not null)
                {
                    _sent[answer.Push] = null;
                    _free.Push(early);
                }

                break;
        }
    }

    /// <summary>Asked to go: finishes the slot in hand, pushes what there is, and takes nothing more.</summary>
    public void Leave()
    {
        if (!IsLeaving && !IsFrozen && Streams[0] is not null)
        {
            IsLeaving = true;
            State.Leave();
            Say(0, new LeavingMessage());
        }
    }

    /// <summary>Does one thing, if there is one to do.</summary>
    public void Act(int what)
    {
        if (IsFrozen)
        {
            return;
        }

        switch (what)
        {
            case 0 when _hand is null && !IsLeaving && State.TryLoad(out Cursor version):
                Load(version);
                break;
            case 1:
                Begin();
                break;
            case 2 when _hand is { } hand:
                Finish(hand);
                break;
            case 3 when State.TryPush(out IReadOnlyList<int> slots):
                PushGroup(slots);
                break;
            case 4 when _refused is null && State.TryIdle(out Cursor at, out long grant):
                Say(0, new IdleMessage(at, grant));
                break;
            case 4 when IsLeaving && _hand is null && _group is null && !State.AwaitsAnswers && Array.TrueForAll(_outgoing, o => o.Count == 0):
                world.Gone(this);
                break;
            case > 4:
                SendOne();
                break;
        }
    }

    private void Say(int shard, object message)
    {
        if (Streams[shard] is not null)
        {
            _outgoing[shard].Enqueue(message);
        }
    }

    private void Offer(int shard, TurnMessage turn)
    {
        Cursor version = turn.Version.Cursor;
        State.Offer(shard, version);
        if (State.Version is { } loaded && version <= loaded)
        {
            return;
        }

        if (!_staged.TryGetValue(version, out Staged? staged))
        {
            _staged[version] = staged = new Staged(new float[world.Layout.Elements], new short[_job.Shards][], new ExploredRoom?[_job.Shards]);
        }

        if (staged.Parts[shard] is not null)
        {
            // Another stream offered it before.
            return;
        }

        if (turn.Version.Values is { } values && world.RoomOf(values) is { } room && world.Rules.StagesTurns)
        {
            staged.Rooms[shard] = room;
        }
        else if (turn.Version.Values is { } travelled)
        {
            world.Layout.Scatter(shard, travelled.Span, world.Rules.StagesTurns ? staged.Values : _values);
        }
        else
        {
            world.Seen.Held++;
        }

        staged.Parts[shard] = turn.Version.Hints.ToArray();
    }

    private void Load(Cursor version)
    {
        Staged staged = _staged[version];
        if (world.Rules.StagesTurns)
        {
            staged.Values.CopyTo(_values, 0);
        }

        for (int shard = 0; shard < staged.Rooms.Length; shard++)
        {
            if (staged.Rooms[shard] is { } room)
            {
                world.Layout.Scatter(shard, room.Values.Span, _values);
                if (room.Holds != version && world.Rules.ChecksMemory)
                {
                    world.Seen.Late++;
                    State.Skip();
                }
            }
        }

        _hints = staged.Parts!;
        Free(_group);
        _group = null;
        Free(_refused?.Builder);
        _refused = null;
        foreach (Cursor old in _staged.Keys.Where(c => c <= version).ToArray())
        {
            _staged.Remove(old);
        }
    }

    private void Begin()
    {
        if (State.TryBegin(out SlotWork work))
        {
            _hand = work;
            // Who is fast says nothing of its progress.
            if (world.Random.Next(2) == 0)
            {
                Say(0, new ProgressMessage(work.Cursor, work.Slot));
            }
        }
        else if (_hand is null && _refused is { } again)
        {
            _refused = null;
            Push(again.Builder, again.Slots);
        }
    }

    private void Finish(SlotWork work)
    {
        _hand = null;
        SlotUse use = State.Finish();
        if (use == SlotUse.Evaluation)
        {
            world.Seen.Evaluated++;
            Say(0, new EvaluationMessage(work.Cursor, work.Slot, new EvaluationPart(1, StubGradients.Loss(_values, work.Slot), [], [], []), 1));
        }

        if (use is SlotUse.None or SlotUse.Evaluation)
        {
            return;
        }

        StubGradients.Fill(_gradient, _values, work.Cursor.Step, work.Slot, world.Spike);
        if (world.IsPoisoned(work) || (IsSick && world.Random.Next(3) == 0))
        {
            _gradient[world.Random.Next(_gradient.Length)] = float.NaN;
        }

        bool goesAlone = use == SlotUse.Alone && world.Rules.RefusedGoAlone;
        GroupBuilder builder = use == SlotUse.Group ? _group ??= Take(work.Cursor) : goesAlone ? Take(work.Cursor) : (_refused ??= (Take(work.Cursor), [])).Builder;
        if (!builder.Add(work.Slot, 1, work.Cursor.Step + work.Slot, _gradient))
        {
            State.Spoil(work.Slot);
            Push(null, [work.Slot], builder.NotFinite(Name, work.Slot, 1, 0));
            if (goesAlone)
            {
                Free(builder);
            }
        }
        else if (goesAlone)
        {
            Push(builder, [work.Slot]);
        }
        else if (use == SlotUse.Alone)
        {
            _refused!.Value.Slots.Add(work.Slot);
        }
        else if (builder.IsFull)
        {
            PushGroup(State.TakeGroup());
        }
    }

    private GroupBuilder Take(Cursor cursor)
    {
        GroupBuilder builder = _free.TryPop(out GroupBuilder? free) ? free : new GroupBuilder(_job, world.Layout);
        builder.Begin(cursor, _hints);
        return builder;
    }

    private void Free(GroupBuilder? builder)
    {
        if (builder is not null)
        {
            _free.Push(builder);
        }
    }

    private void PushGroup(IReadOnlyList<int> slots)
    {
        GroupBuilder group = _group!;
        _group = null;
        if (slots.Count > 0)
        {
            Push(group, slots);
        }
        else
        {
            Free(group);
        }
    }

    private void Push(GroupBuilder builder, IReadOnlyList<int> slots) => Push(builder, slots, builder.Build(Name));

    private void Push(GroupBuilder? builder, IReadOnlyList<int> slots, IReadOnlyList<Contribution> parts)
    {
        long push = State.Push(slots, out PushEnd? ended);
        _sent[push] = builder;
        for (int shard = 0; shard < parts.Count; shard++)
        {
            foreach (ChunkMessage message in Messages(push, parts[shard] with { SlotMs = world.How.SlotMs }))
            {
                Say(shard, message);
            }
        }

        if (builder is null)
        {
            world.Seen.NotFinite++;
            _noGood.Add(push);
        }

        if (ended is not null)
        {
            Settle(ended);
        }
    }

    private static IEnumerable<ChunkMessage> Messages(long push, Contribution part)
    {
        Contribution header = part with { Chunks = [] };
        return part.Chunks.Count == 0 ? [new ChunkMessage(push, header, null, true, true)] : part.Chunks.Select((chunk, i) => new ChunkMessage(push, header, chunk, i == 0, i == part.Chunks.Count - 1));
    }

    /// <summary>All shards answered a push, or will not.</summary>
    private void Settle(PushEnd end)
    {
        if (_sent.Remove(end.Id, out GroupBuilder? builder) && (end.IsAnswered || !world.Rules.AbandonsUnanswered))
        {
            Free(builder);
        }

        IsNoGood |= _noGood.Remove(end.Id);
    }

    private void SendOne()
    {
        int shard = world.Random.Next(_outgoing.Length);
        if (_outgoing[shard].TryDequeue(out object? message))
        {
            Streams[shard]!.SendUp(message);
        }
    }

    /// <param name="Parts">Hints, by shard; null: its turn is not there.</param>
    /// <param name="Rooms">By shard, where its values are to be read; null: they are in <paramref name="Values"/>.</param>
    private sealed record Staged(float[] Values, short[]?[] Parts, ExploredRoom?[] Rooms);
}
