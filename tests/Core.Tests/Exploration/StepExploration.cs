using Lockstep.Core.Grants;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>
/// Workers, shards, their streams and a scheduler that takes a job up again, in one thread, in an order that a seed decides. The state machines are the product's own.
/// While disturbances last, workers are killed, frozen, sent away and started, streams break, stall and lose any tail of what is on its way, shards die. Then it is calm, and the job must finish.
/// </summary>
internal sealed class StepExploration
{
    /// <summary>Of the coordinator's clock, a turn.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(4);

    private readonly ExploredShard[] _shards;
    private readonly List<ExploredWorker> _workers = [];
    private readonly List<ExploredStream> _streams = [];
    private readonly List<ExploredRoom> _rooms = [];
    private readonly List<int> _toRestore = [];
    private (int Generation, long? Version)? _restoration;
    private (long Step, IReadOnlyList<int> Slots)? _failure;
    private int _generation;
    private int _named;
    private long _numbered;
    private bool _isCalm;
    private bool _hasLostLate;
    private bool _hadSick;
    // In the calm one worker may be cut from a shard, and another one may be frozen, for good.
    private (ExploredWorker Worker, int Shard)? _cut;

    public StepExploration(ExplorationCase how, StepRules? rules = null)
    {
        How = how;
        Job = how.MakeJob();
        Rules = rules ?? new StepRules();
        Log = new ExploredLog(Seen);
        Checkpoints = new ExploredCheckpoints(this);
        Layout = new ModelLayout(Job.Tensors, Job.Shards);
        Random = new Random(how.Seed);
        _shards = [.. Enumerable.Range(0, Job.Shards).Select(s => new ExploredShard(this, s))];
        foreach (ExploredShard shard in _shards)
        {
            Host(shard, Make(shard.Shard, 0));
        }
    }

    public ExplorationCase How { get; }
    public JobDescriptor Job { get; }
    public StepRules Rules { get; }
    public ModelLayout Layout { get; }
    public ExploredLog Log { get; }
    public ExploredCheckpoints Checkpoints { get; }
    public FakeTimeProvider Time { get; } = new();
    public ExploredCounts Seen { get; } = new();

    /// <value>Of all that happens by chance.</value>
    public Random Random { get; }

    /// <value>Of this step ranges overflow.</value>
    public long Spike => How.Steps / 2;

    public ExploredShard First => _shards[0];

    /// <summary>Runs to the end.</summary>
    /// <param name="patience">Turns of calm after which it hangs.</param>
    public ExplorationOutcome Run(int patience = 200_000)
    {
        for (int i = 0; i < How.Workers; i++)
        {
            Hire();
        }

        for (int turn = 0; turn < How.Disturbed + patience; turn++)
        {
            if (_failure is { } failure)
            {
                return new(Log.Lines, failure, null);
            }

            if (IsOver())
            {
                CheckAsked();
                return new(Log.Lines, null, null);
            }

            if (turn < How.Disturbed)
            {
                if (Random.Next(1000) < How.Rate)
                {
                    Disturb();
                }
            }
            else if (!_isCalm && (turn > How.Disturbed + 2_000 || HasMuchOnItsWay()))
            {
                BeginCalm();
            }
            else if (_isCalm && How.LosesShards && !_hasLostLate)
            {
                LoseLate();
            }

            Turn();
        }

        return new(Log.Lines, null, Where());
    }

    public ExploredStream Open(ExploredWorker worker, int shard, IReadOnlyCollection<Cursor> held)
    {
        var stream = new ExploredStream(this, ++_numbered, worker.Name, _shards[shard], Random.Next(4) switch { 0 => 3, 1 => 30, _ => 100 });
        _streams.Add(stream);
        stream.SendUp(new StreamBegin(held));
        return stream;
    }

    public bool IsCut(ExploredWorker worker, int shard) => _cut == (worker, shard);

    public bool IsPoisoned(SlotWork work) => How.Poison == (work.Cursor.Step, work.Slot);

    public void Fail(long step, IReadOnlyList<int> slots) => _failure ??= (step, slots);

    /// <summary>The memory that values of a shard are in; null: they travel.</summary>
    public ExploredRoom? RoomOf(ReadOnlyMemory<float> values) => _rooms.Find(room => values.Length > 0 && values.Span.Overlaps(room.Values.Span));

    /// <summary>A worker that left in order is gone.</summary>
    public void Gone(ExploredWorker worker)
    {
        Seen.Left++;
        Remove(worker, keepsAll: true);
    }

    /// <summary>What the coordinator makes of what another shard tells it; null: nothing.</summary>
    public ShardProgress? AsHeard(ShardProgress told)
    {
        Cursor own = First.Job!.Cursor;
        return !Rules.GrantsForLowestVersion && told.Cursor < own ? null : Rules.HearsOfOtherShards ? told : told with { Missing = [] };
    }

    /// <summary>ps-0 told its coordinator where it is.</summary>
    public void Moved()
    {
        if (!Rules.GrantsForLowestVersion)
        {
            TellOfOthers([.. Enumerable.Range(0, Job.Slots)]);
        }
    }

    private bool IsOver() =>
        _restoration is null && Array.TrueForAll(_shards, s => s.Job is { Finished: true }) && Log.Has(Job.TotalSteps - 1) && (!Job.EvaluatesAt(Job.TotalSteps) || Log.WasEvaluated(Job.TotalSteps));

    private void CheckAsked()
    {
        foreach (Cursor asked in First.Board!.Asked)
        {
            if (Array.Find(_shards, s => !Checkpoints.WasCut(asked, s.Shard)) is { } without)
            {
                throw new InvalidOperationException($"Shard {without.Shard} cut no checkpoint of {asked}, which was asked for.");
            }

            Seen.Asked++;
        }
    }

    private string Where() => string.Join(", ", _shards.Select(s => s.Job is { } job ? $"{job.Cursor} lacking [{string.Join(' ', job.Missing(job.Cursor))}]" : "gone"))
        + "; " + string.Join(", ", _workers.Select(w => $"{w.Name} at {w.State.Version}{(w.IsFrozen ? " frozen" : "")}{(w.State.AwaitsAnswers ? " awaits answers" : "")}, streams {string.Join(' ', w.Streams.Select(s => s is null ? "-" : $"{s.Id}{(s.IsBroken ? " broken" : "")} up {s.Up.Count} down {s.Down.Count}{(s.Shard.Streams.Contains(s) ? "" : " not there")}"))}"))
        + $"; {First.Coordinator}";

    private void Turn()
    {
        if (Rules.GrantsOverdue)
        {
            Time.Advance(Tick);
        }

        // In the calm all is fast, but for what is computed.
        for (int i = 0; i < (_isCalm ? 3 : 1); i++)
        {
            int what = Random.Next(100);
            if (what < 30)
            {
                Arrive(up: true);
            }
            else if (what < 52)
            {
                Arrive(up: false);
            }
            else if (what < 82)
            {
                Act();
            }
            else if (what < 86)
            {
                Pick(_workers)?.Connect(Random.Next(_shards.Length));
            }
            else if (what < 90)
            {
                if (_isCalm || Random.Next(100) < How.Diligence)
                {
                    _shards[Random.Next(_shards.Length)].Inform();
                }
            }
            else if (what < 94)
            {
                _shards[Random.Next(_shards.Length)].Advance();
            }
            else if (what < 98)
            {
                if (_isCalm || Random.Next(100) < How.Diligence)
                {
                    _shards[Random.Next(_shards.Length)].Follow();
                }
            }
            else
            {
                Tend();
            }
        }
    }

    private void Act()
    {
        if (Pick(_workers) is not { } worker)
        {
            return;
        }

        worker.Act(Random.Next(8));
        if (worker.IsNoGood)
        {
            Remove(worker, keepsAll: true);
        }
    }

    private void Arrive(bool up)
    {
        if (Pick(_streams) is not { } stream || (!_isCalm && (stream.IsStalled || Random.Next(100) >= stream.Speed)))
        {
            return;
        }

        if (up && stream.Up.Count > 0)
        {
            if (stream.Shard == _shards[stream.Shard.Shard])
            {
                stream.Shard.Receive(stream);
            }
            else
            {
                // That process is gone.
                stream.Up.Dequeue();
                stream.Break(0, 0);
            }
        }
        else if (!up)
        {
            if (_workers.Find(w => w.Name == stream.Worker && w.Streams.Contains(stream)) is { } worker)
            {
                worker.Receive(stream.Shard.Shard);
            }
        }

        if (stream is { IsBroken: true, Up.Count: 0, Down.Count: 0 })
        {
            _streams.Remove(stream);
        }
    }

    private void Disturb()
    {
        switch (Random.Next(20))
        {
            case < 3 when Pick(_workers) is { } dead:
                Seen.Killed++;
                Remove(dead, keepsAll: false);
                break;
            case < 7 when _workers.Count < 6:
                Hire();
                break;
            case < 9 when Pick(_workers) is { } frozen:
                frozen.IsFrozen = !frozen.IsFrozen;
                Seen.Frozen++;
                break;
            case < 10 when Pick(_workers) is { } leaving:
                leaving.Leave();
                break;
            case < 16 when Pick(_streams) is { IsBroken: false } stream:
                stream.Break(Random.Next(stream.Up.Count + 1), Random.Next(stream.Down.Count + 1));
                Seen.Broken++;
                break;
            case < 18 when Pick(_streams) is { } slow:
                slow.IsStalled = !slow.IsStalled;
                Seen.Stalled++;
                break;
            case 18 when How.LosesShards:
                Lose(Random.Next(3) == 0 ? 0 : Random.Next(_shards.Length));
                break;
        }
    }

    /// <summary>Whether contributions of several workers are in parts at the shards: where these workers end now, it shows what becomes of that.</summary>
    private bool HasMuchOnItsWay() => _streams.Where(s => s.Up.Any(m => m is ChunkMessage)).Select(s => s.Worker).Distinct().Count() > 1;

    private void BeginCalm()
    {
        _isCalm = true;
        foreach (ExploredWorker worker in _workers)
        {
            worker.IsFrozen = false;
        }

        bool isOne = Random.Next(2) == 0;
        foreach (ExploredWorker worker in isOne ? _workers.Skip(1).ToArray() : [])
        {
            Remove(worker, keepsAll: false);
        }

        if (_workers.Count > 1 && Random.Next(3) == 0)
        {
            _workers[^1].IsFrozen = true;
        }

        if (_workers.Count > 1 && Random.Next(3) == 0)
        {
            _cut = (_workers[0], Random.Next(_shards.Length));
            _workers[0].Streams[_cut.Value.Shard]?.Break(0, 0);
        }

        HireIfNobodyCan();
    }

    /// <summary>One shard dies in the calm, after a step that no set holds: while there are disturbances hardly a step is done.</summary>
    private void LoseLate()
    {
        if (_restoration is null && Log.Has(Checkpoints.Newest ?? 0) && Random.Next(20) == 0)
        {
            _hasLostLate = true;
            Lose(Random.Next(_shards.Length));
        }
    }

    private void Hire()
    {
        bool isSick = How.HasSick && !_hadSick && Random.Next(2) == 0;
        _hadSick |= isSick;
        _workers.Add(new ExploredWorker(this, $"w{++_named}", isSick));
    }

    private void Remove(ExploredWorker worker, bool keepsAll)
    {
        _workers.Remove(worker);
        foreach (ExploredStream? stream in worker.Streams)
        {
            stream?.Leave(keepsAll ? stream.Up.Count : Random.Next(stream.Up.Count + 1), keepsAll && worker.IsLeaving);
        }

        if (_isCalm)
        {
            HireIfNobodyCan();
        }
    }

    /// <summary>In the calm somebody works who can.</summary>
    private void HireIfNobodyCan()
    {
        if (_workers.TrueForAll(w => w.IsFrozen || w.IsLeaving || _cut?.Worker == w))
        {
            Hire();
        }
    }

    /// <summary>What goes on beside the steps: writes end, the scheduler takes a job up on one more shard.</summary>
    private void Tend()
    {
        Checkpoints.Write();
        if (How.Asks && Random.Next(20) == 0)
        {
            First.Board!.Ask();
        }

        if (_restoration is { } restoration && Random.Next(3) == 0)
        {
            int shard = _toRestore[^1];
            _toRestore.RemoveAt(_toRestore.Count - 1);
            ShardState job = Make(shard, restoration.Generation);
            if (restoration.Version is { } version)
            {
                job.Load(Checkpoints[version], restoration.Generation);
            }

            Host(_shards[shard], job);
            if (_toRestore.Count == 0)
            {
                Seen.WentBack++;
                _restoration = null;
            }
        }
    }

    private void Lose(int shard)
    {
        Seen.ShardsLost++;
        _shards[shard].Die();
        // A process that starts anew knows nothing of the job, until the scheduler takes it up on all.
        _shards[shard] = new ExploredShard(this, shard);
        Checkpoints.Lose(shard);
        if (!Rules.RestoresAll)
        {
            ShardState job = Make(shard, _generation);
            if (Checkpoints.Newest is { } newest)
            {
                job.Load(Checkpoints[newest], _generation);
            }

            Host(_shards[shard], job);
            foreach (ExploredShard other in _shards)
            {
                other.Tell();
            }

            return;
        }

        _restoration = (++_generation, Checkpoints.Newest);
        _toRestore.Clear();
        _toRestore.AddRange(Enumerable.Range(0, _shards.Length).OrderBy(_ => Random.Next()));
    }

    private ShardState Make(int shard, int generation) => new(Job, shard, generation, room: How.SharesMemory ? MakeRoom : null);

    private ExploredRoom MakeRoom(int elements)
    {
        var room = new ExploredRoom(elements);
        _rooms.Add(room);
        return room;
    }

    private void Host(ExploredShard place, ShardState job)
    {
        if (!job.HasValues)
        {
            job.Initialize(Layout.Gather(place.Shard, StubGradients.Initial(Job)));
            Checkpoints.Cut(job);
        }

        place.Host(job);
        if (place.Shard == 0 && !Rules.HearsOfOtherShards)
        {
            TellOfOthers([]);
        }
    }

    private void TellOfOthers(IReadOnlyList<int> missing)
    {
        for (int shard = 1; shard < _shards.Length; shard++)
        {
            First.Coordinator!.Progress(new ShardProgress(shard, First.Job!.Cursor, missing));
        }
    }

    private T? Pick<T>(List<T> from) where T : class => from.Count == 0 ? null : from[Random.Next(from.Count)];
}
