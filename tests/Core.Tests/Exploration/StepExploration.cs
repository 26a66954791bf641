using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>
/// Workers, shards, their streams and a scheduler that takes a job up again, in one thread, in an order that a seed decides. The state machines are the product's own.
/// While disturbances last, workers are killed, frozen and started, streams break and lose any tail of what is on its way, shards die. Then it is calm, and the job must finish.
/// </summary>
internal sealed class StepExploration
{
    private const int CheckpointEvery = 2;

    private readonly Random _random;
    private readonly ExploredShard[] _shards;
    private readonly List<ExploredWorker> _workers = [];
    private readonly List<ExploredStream> _streams = [];
    // What shards said of themselves, on the way to ps-0, of which only the newest counts; and what is there.
    private readonly ShardProgress?[] _said;
    private readonly ShardProgress?[] _heard;
    private readonly Dictionary<(int Generation, long Step), double[]?[]> _squares = [];
    private readonly Dictionary<(int Generation, long Step), UInt128[]?[]> _announced = [];
    private readonly Dictionary<long, UInt128[]?[]> _lines = [];
    private readonly Dictionary<(int Generation, long Version), ShardState?[]> _cut = [];
    private readonly List<(int Generation, ShardState State)> _writing = [];
    private readonly SortedDictionary<long, CheckpointSet> _sets = [];
    private readonly List<int> _toRestore = [];
    private (int Generation, long? Version)? _restoration;
    private int _generation;
    private int _named;
    private long _numbered;
    private bool _isCalm;
    // In the calm nobody but the first worker may be left, and one that is frozen may stay so.
    private string? _frozenForGood;

    public StepExploration(JobDescriptor job, int seed, StepRules? rules = null, long spike = -1)
    {
        Job = job;
        Rules = rules ?? new StepRules();
        Spike = spike;
        _random = new Random(seed);
        Layout = new ModelLayout(job.Tensors, job.Shards);
        _said = new ShardProgress?[job.Shards];
        _heard = new ShardProgress?[job.Shards];
        _shards = [.. Enumerable.Range(0, job.Shards).Select(s => new ExploredShard(this, s))];
        foreach (ExploredShard shard in _shards)
        {
            shard.Host(new ShardJob(job, shard.Shard));
            Initialize(shard);
        }
    }

    public JobDescriptor Job { get; }
    public StepRules Rules { get; }
    public ModelLayout Layout { get; }
    public long Spike { get; }

    /// <value>Version 2 is evaluated in so many slots.</value>
    public int EvaluationSlots => 3;

    /// <value>A millisecond a turn.</value>
    public TimeSpan Now { get; private set; }

    public int Killed { get; private set; }
    public int Frozen { get; private set; }
    public int Broken { get; private set; }
    public int Duplicates { get; private set; }
    public int Refused { get; private set; }
    public int Revoked { get; private set; }
    public int GrantedAgain { get; private set; }
    public int ShardsLost { get; private set; }
    public int WentBack { get; private set; }
    public int RepeatedParts { get; private set; }
    public int DifferentParts { get; private set; }
    public int Mismatched { get; private set; }

    /// <summary>Runs to the end.</summary>
    /// <param name="disturbed">Turns with disturbances; 0: a quiet run.</param>
    /// <param name="losing">Shards die too.</param>
    /// <returns>The ledger, one line a step; null: it hangs.</returns>
    public IReadOnlyList<string>? Run(int workers, int disturbed, bool losing = false, int patience = 400_000)
    {
        for (int i = 0; i < workers; i++)
        {
            Hire();
        }

        for (int turn = 0; turn < disturbed + patience; turn++)
        {
            if (_restoration is null && _shards.All(s => s.Job is { Finished: true }) && AllAnnounced(_shards[0].Job!.Cursor.Generation, Job.TotalSteps - 1))
            {
                return [.. Enumerable.Range(0, (int)Job.TotalSteps).Select(Line)];
            }

            if (turn < disturbed)
            {
                Disturb(losing);
            }
            else if (!_isCalm)
            {
                BeginCalm();
            }

            Turn();
        }

        return null;
    }

    public string Where() => string.Join(", ", _shards.Select(s => s.Job is { } job ? $"{job.Cursor} lacking [{string.Join(' ', job.Missing(job.Cursor))}]" : "gone")) + "; " + string.Join(", ", _workers.Select(w => $"{w.Name} at {w.State.Version}{(w.IsFrozen ? " frozen" : "")}{(w.State.AwaitsAnswers ? " awaits answers" : "")}, streams {string.Join(' ', w.Streams.Select(s => s is null ? "-" : $"{s.Id}{(s.IsBroken ? " broken" : "")} up {s.Up.Count} down {s.Down.Count}{(_streams.Contains(s) ? "" : " unknown")}{(s.Shard.Streams.Contains(s) ? "" : " not there")}"))}, in hand {_shards[0].Grants?.InHand(w.Name)}"));

    public ExploredStream Open(string worker, int shard)
    {
        var stream = new ExploredStream(++_numbered, worker, _shards[shard]);
        _streams.Add(stream);
        stream.SendUp(new StreamBegin());
        return stream;
    }

    public void Answered(PushResult result)
    {
        Duplicates += result.Status == PushStatus.Duplicate ? 1 : 0;
        Refused += result.Status == PushStatus.Refused ? 1 : 0;
        Mismatched += result.Mismatched.Count;
    }

    public void Divide()
    {
        if (_shards[0] is { Job: { HasValues: true } job, Grants: { } grants } first && !job.Finished)
        {
            Cursor cursor = Stage(job.Cursor);
            first.Send(grants.Divide(cursor, MissingAt(cursor), Now));
        }
    }

    private void Turn()
    {
        Now += TimeSpan.FromMilliseconds(1);
        int what = _random.Next(100);
        if (what < 30)
        {
            Arrive(up: true);
        }
        else if (what < 50)
        {
            Arrive(up: false);
        }
        else if (what < 82)
        {
            Pick(_workers)?.ActUnlessFrozen(_random.Next(6));
        }
        else if (what < 86)
        {
            Pick(_workers)?.ConnectUnlessFrozen(_random.Next(_shards.Length));
        }
        else if (what < 90)
        {
            Hear(_random.Next(_shards.Length));
        }
        else if (what < 93)
        {
            Advance(_shards[_random.Next(_shards.Length)]);
        }
        else if (what < 96)
        {
            Match();
        }
        else
        {
            Tend();
        }
    }

    private void Arrive(bool up)
    {
        if (Pick(_streams) is not { } stream)
        {
            return;
        }

        if (!up)
        {
            ExploredWorker? worker = _workers.Find(w => w.Name == stream.Worker && w.Streams.Contains(stream));
            if (worker is null)
            {
                stream.Down.Clear();
            }
            else if (!worker.IsFrozen)
            {
                worker.Receive(stream.Shard.Shard);
            }
        }
        else if (stream.Up.Count > 0 && stream.Up.Peek() is StreamBegin)
        {
            stream.Up.Dequeue();
            if (stream.Shard == _shards[stream.Shard.Shard])
            {
                stream.Shard.Connect(stream);
            }
            else
            {
                stream.Break(0, 0);
            }
        }
        else if (stream.Up.Count > 0)
        {
            stream.Shard.Receive(stream);
        }

        if (stream is { IsBroken: true, Up.Count: 0, Down.Count: 0 })
        {
            _streams.Remove(stream);
        }
    }

    private void Disturb(bool losing)
    {
        switch (_random.Next(1000))
        {
            case < 4 when Pick(_workers) is { } dead:
                Kill(dead);
                break;
            case < 8 when _workers.Count < 6:
                Hire();
                break;
            case < 12 when Pick(_workers) is { } frozen:
                frozen.IsFrozen = !frozen.IsFrozen;
                Frozen++;
                break;
            case < 18 when Pick(_streams) is { IsBroken: false } stream:
                stream.Break(_random.Next(stream.Up.Count + 1), _random.Next(stream.Down.Count + 1));
                Broken++;
                break;
            case 18 when losing && _random.Next(3) == 0:
                Lose(_random.Next(_shards.Length));
                break;
        }
    }

    private void BeginCalm()
    {
        _isCalm = true;
        if (_workers.Count == 0)
        {
            Hire();
        }

        if (_workers.Count > 1 && _random.Next(3) == 0)
        {
            _frozenForGood = _workers[^1].Name;
        }

        foreach (ExploredWorker worker in _workers)
        {
            worker.IsFrozen = worker.Name == _frozenForGood;
        }

        if (_random.Next(4) == 0)
        {
            // One survivor.
            foreach (ExploredWorker worker in _workers.Skip(1).ToArray())
            {
                Kill(worker);
            }
        }
    }

    private void Hire() => _workers.Add(new ExploredWorker(this, $"w{++_named}"));

    private void Kill(ExploredWorker worker)
    {
        _workers.Remove(worker);
        Killed++;
        foreach (ExploredStream? stream in worker.Streams)
        {
            stream?.Break(_random.Next(stream.Up.Count + 1), 0);
        }
    }

    /// <summary>What a shard tells ps-0 of itself arrives there.</summary>
    private void Hear(int shard)
    {
        if (_shards[shard].Job is { HasValues: true } job)
        {
            _said[shard] = new ShardProgress(shard, job.Cursor, job.Missing(job.Cursor));
        }

        if (_said[shard] is { } said && _shards[0].Job is { } first && said.Cursor.Generation == first.Cursor.Generation)
        {
            _heard[shard] = said;
        }
    }

    /// <summary>ps-0 looks who is idle.</summary>
    private void Match()
    {
        if (_shards[0] is not { Job: { HasValues: true } job, Grants: { } grants } first)
        {
            return;
        }

        _heard[0] = new ShardProgress(0, job.Cursor, job.Missing(job.Cursor));
        Cursor lowest = Rules.GrantsForLowestVersion ? Known().Min() : job.Cursor;
        grants.Forget(Known().Min());
        Cursor cursor = Stage(lowest);
        IReadOnlyList<int> missing = MissingAt(cursor);
        if (missing.Count > 0)
        {
            GrantCounts before = grants.Counts;
            first.Send(grants.Match(cursor, missing, Now));
            Revoked += (int)(grants.Counts.Revoked - before.Revoked);
            GrantedAgain += (int)(grants.Counts.Repeated - before.Repeated);
        }
    }

    private IEnumerable<Cursor> Known() => Enumerable.Range(0, _shards.Length).Select(s => _heard[s] is { } heard && heard.Cursor.Generation == _shards[0].Job!.Cursor.Generation ? heard.Cursor : Start());

    /// <summary>Where ps-0's generation began.</summary>
    private Cursor Start() => new(_shards[0].Job!.Cursor.Generation, _generation == 0 ? 0 : _startVersion, 0);

    private Cursor Stage(Cursor version) =>
        version.Step == 2 && version == _shards[0].Job!.Cursor && _shards[0].Evaluated.Count < EvaluationSlots ? version with { Attempt = Cursor.Evaluation } : version;

    private IReadOnlyList<int> MissingAt(Cursor cursor)
    {
        if (cursor.Attempt == Cursor.Evaluation)
        {
            return [.. Enumerable.Range(0, EvaluationSlots).Where(s => !_shards[0].Evaluated.Contains(s))];
        }

        if (cursor.Step >= Job.TotalSteps)
        {
            return [];
        }

        var missing = new SortedSet<int>();
        for (int shard = 0; shard < _shards.Length; shard++)
        {
            if (shard > 0 && !Rules.HearsOfOtherShards)
            {
                continue;
            }

            Cursor at = shard == 0 ? _shards[0].Job!.Cursor : Known().ElementAt(shard);
            IEnumerable<int> lacks = shard == 0 ? _shards[0].Job!.Missing(cursor) : at > cursor ? [] : at == cursor && _heard[shard] is { } heard && heard.Cursor == at ? heard.Missing : Enumerable.Range(0, Job.Slots);
            missing.UnionWith(lacks);
        }

        return [.. missing];
    }

    /// <summary>Computes a shard's next version, where all slots are in and all shards announced the one it is at.</summary>
    private void Advance(ExploredShard place)
    {
        if (place.Job is not { } shard || shard.Decide() != StepDecision.Update)
        {
            return;
        }

        Cursor cursor = shard.Cursor;
        if (cursor.Step > _startVersion && !AllAnnounced(cursor.Generation, cursor.Step - 1))
        {
            return;
        }

        double factor = 1;
        if (Job.Optimizer.ClipNorm is { } limit)
        {
            double[]?[] squares = PartsOf(_squares, (cursor.Generation, cursor.Step));
            squares[shard.Shard] ??= [.. shard.BlockSquares()];
            if (squares.Contains(null))
            {
                return;
            }

            factor = GradientNorm.Factor(InBlockOrder(s => squares[s]!).Sum(), limit);
        }

        shard.Update(factor);
        shard.Commit();
        // The array is the shard's, and the next step's too.
        UInt128[] hashes = [.. shard.BlockHashes];
        if (shard.Cursor.Step % CheckpointEvery == 0)
        {
            _writing.Add((cursor.Generation, shard.Snapshot()));
        }

        UInt128[]?[] all = PartsOf(_lines, cursor.Step);
        if (all[shard.Shard] is { } known)
        {
            RepeatedParts += known.SequenceEqual(hashes) ? 1 : 0;
            DifferentParts += known.SequenceEqual(hashes) ? 0 : 1;
        }

        all[shard.Shard] = hashes;
        PartsOf(_announced, (cursor.Generation, cursor.Step))[shard.Shard] = hashes;
        place.Offer();
        if (shard.Shard == 0)
        {
            Divide();
        }
    }

    /// <summary>What goes on beside the steps: versions that all have are let go of, writes end, the scheduler takes a job up on one more shard.</summary>
    private void Tend()
    {
        foreach (ExploredShard place in _shards)
        {
            if (place.Job is { HasValues: true } job && job.Cursor.Step > 0 && AllAnnounced(job.Cursor.Generation, job.Cursor.Step - 1))
            {
                job.ReleasePrevious();
            }
        }

        if (_writing.Count > 0 && _random.Next(3) == 0)
        {
            int which = _random.Next(_writing.Count);
            (int generation, ShardState state) = _writing[which];
            _writing.RemoveAt(which);
            PartsOf(_cut, (generation, state.Version))[state.Shard] = state;
        }

        foreach (((int generation, long version), ShardState?[] parts) in _cut.ToArray())
        {
            if (!parts.Contains(null) && (version == 0 || AllAnnounced(generation, version - 1)) && _shards[0].Job is { } first && generation == first.Cursor.Generation)
            {
                _sets[version] = new CheckpointSet("memory", Job, generation, version, [.. parts.Select(p => p!)]);
                _cut.Remove((generation, version));
            }
        }

        if (_restoration is { } restoration && _random.Next(3) == 0)
        {
            int shard = _toRestore[^1];
            _toRestore.RemoveAt(_toRestore.Count - 1);
            Restore(_shards[shard], restoration);
            if (_toRestore.Count == 0)
            {
                WentBack++;
                _restoration = null;
            }
        }
    }

    private long _startVersion;

    private void Lose(int shard)
    {
        ShardsLost++;
        foreach (ExploredStream stream in _shards[shard].Streams.ToArray())
        {
            stream.Break(0, _random.Next(stream.Down.Count + 1));
        }

        // A process that starts anew knows nothing of the job, until the scheduler takes it up on all.
        _shards[shard] = new ExploredShard(this, shard);
        _writing.RemoveAll(w => w.State.Shard == shard);
        _said[shard] = null;
        _restoration = (++_generation, _sets.Count == 0 ? null : _sets.Keys.Last());
        _toRestore.Clear();
        _toRestore.AddRange(Enumerable.Range(0, _shards.Length).OrderBy(_ => _random.Next()));
    }

    private void Restore(ExploredShard place, (int Generation, long? Version) restoration)
    {
        var job = new ShardJob(Job, place.Shard, restoration.Generation);
        if (restoration.Version is { } version)
        {
            job.Load(_sets[version], restoration.Generation);
        }

        _startVersion = restoration.Version ?? 0;
        place.Host(job);
        if (!job.HasValues)
        {
            Initialize(place);
        }

        if (place.Shard == 0)
        {
            Array.Clear(_heard);
            Divide();
        }
    }

    private void Initialize(ExploredShard place)
    {
        place.Job!.Initialize(Layout.Gather(place.Shard, StubGradients.Initial(Job)));
        _writing.Add((place.Job.Cursor.Generation, place.Job.Snapshot()));
    }

    private string Line(int step) => StateHash.ToHex(StateHash.Combine([.. InBlockOrder(s => _lines[step][s]!)]));

    private bool AllAnnounced(int generation, long step) => _announced.TryGetValue((generation, step), out UInt128[]?[]? parts) && !parts.Contains(null);

    private IEnumerable<T> InBlockOrder<T>(Func<int, IReadOnlyList<T>> ofShard)
    {
        var next = new int[_shards.Length];
        return Layout.Chunks.SelectMany(c => Enumerable.Range(0, c.BlockCount).Select(_ => ofShard(c.Shard)[next[c.Shard]++])).ToArray();
    }

    private T? Pick<T>(List<T> from) where T : class => from.Count == 0 ? null : from[_random.Next(from.Count)];

    private T?[] PartsOf<TKey, T>(Dictionary<TKey, T?[]> all, TKey key) where TKey : notnull where T : class
    {
        if (!all.TryGetValue(key, out T?[]? parts))
        {
            all[key] = parts = new T?[_shards.Length];
        }

        return parts;
    }
}

/// <summary>What a stream begins with.</summary>
internal sealed record StreamBegin;
