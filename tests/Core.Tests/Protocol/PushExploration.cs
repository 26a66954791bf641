using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;
using Lockstep.Core.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Core.Tests.Protocol;

/// <summary>
/// Workers, shards and a lease table in one thread, their messages in an order that a seed decides. While disturbances last, workers are killed and frozen in the middle of anything, messages
/// are lost after they took effect and sent again, the lease table is emptied, and where that is asked for shards lose all that they hold. Then it is calm, and the job must finish.
/// </summary>
internal sealed partial class PushExploration
{
    private readonly JobDescriptor _job;
    private readonly Random _random;
    private readonly FakeTimeProvider _time = new();
    private readonly LeaseTable _leases;
    private readonly ShardJob[] _shards;
    private readonly Dictionary<(int Generation, long Step), double[]?[]> _squares = [];
    private readonly Dictionary<long, UInt128[][]> _hashes = [];
    private readonly long _spike;
    private readonly List<Actor> _workers = [];
    private bool _calm;
    private int _named;

    /// <param name="losing">Shards lose their state.</param>
    public PushExploration(JobDescriptor job, int seed, long spike = -1, bool losing = false)
    {
        _losing = losing;
        _lost = new bool[job.Shards];
        _job = job;
        _spike = spike;
        _random = new Random(seed);
        _leases = new LeaseTable(_time, TimeSpan.FromSeconds(10));
        _shards = [.. Enumerable.Range(0, job.Shards).Select(s => new ShardJob(job, s))];
        for (int shard = 0; shard < _shards.Length; shard++)
        {
            Initialize(shard);
        }
    }

    public int Killed { get; private set; }
    public int Frozen { get; private set; }
    public int Resent { get; private set; }
    public int Emptied { get; private set; }
    public int BrokenOff { get; private set; }
    public int Duplicates { get; private set; }
    public int Refused { get; private set; }
    public int Escaped { get; private set; }
    public int Helped { get; private set; }
    public int Mismatched { get; private set; }

    /// <summary>Runs to the end.</summary>
    /// <param name="disturbedTurns">Turns with disturbances; 0: a quiet run.</param>
    /// <returns>The ledger, one line a step.</returns>
    public IReadOnlyList<string> Run(int workers, int disturbedTurns)
    {
        for (int i = 0; i < workers; i++)
        {
            Hire();
        }

        // Bounded: a run that does not finish is a failure, not a hang.
        for (long turn = 0; turn < 3_000_000; turn++)
        {
            if (_restoration is null && _shards.All(s => s.Finished))
            {
                return [.. Enumerable.Range(0, (int)_job.TotalSteps).Select(Line)];
            }

            _calm = turn >= disturbedTurns;
            if (!_calm)
            {
                Disturb();
            }

            Turn();
        }

        throw new InvalidOperationException($"The run did not finish: shards at {string.Join(", ", _shards.Select(s => $"{s.Cursor} lacking [{string.Join(' ', s.Missing(s.Cursor))}]"))}.");
    }

    private void Turn()
    {
        TendShards();
        int who = _random.Next(_workers.Count + _shards.Length);
        if (who < _shards.Length)
        {
            if (!_lost[who])
            {
                Advance(_shards[who]);
            }

            return;
        }

        Actor actor = _workers[who - _shards.Length];
        _time.Advance(TimeSpan.FromMilliseconds(_random.Next(4)));
        if (actor.FrozenTurns > 0 && !_calm)
        {
            actor.FrozenTurns--;
        }
        else if (!actor.Program.MoveNext())
        {
            actor.Program = Work(actor.Name).GetEnumerator();
        }
    }

    private void Disturb()
    {
        switch (_random.Next(400))
        {
            case 0 or 1:
                int dead = _random.Next(_workers.Count);
                string name = _workers[dead].Name;
                _workers[dead].Program.Dispose();
                _workers.RemoveAt(dead);
                Killed++;
                if (_random.Next(2) == 0)
                {
                    _ = _leases.FreeWorkerAsync(name, avoids: false, default);
                }

                Hire();
                break;
            case 2 or 3 or 4:
                _workers[_random.Next(_workers.Count)].FrozenTurns = _random.Next(1, 600);
                Frozen++;
                break;
            case 5 when _random.Next(5) == 0:
                _leases.Empty();
                Emptied++;
                break;
            case 6 when _losing:
                Lose(_random.Next(_shards.Length));
                break;
        }
    }

    private void Hire()
    {
        string name = $"w{_named++}";
        _workers.Add(new Actor { Name = name, Program = Work(name).GetEnumerator() });
    }

    private void Advance(ShardJob shard)
    {
        switch (shard.Decide())
        {
            case StepDecision.Update:
                double factor = 1;
                Cursor cursor = shard.Cursor;
                if (_job.Optimizer.ClipNorm is { } limit)
                {
                    if (!_squares.TryGetValue((cursor.Generation, cursor.Step), out double[]?[]? squares))
                    {
                        _squares[(cursor.Generation, cursor.Step)] = squares = new double[]?[_shards.Length];
                    }

                    squares[shard.Shard] ??= [.. shard.BlockSquares()];
                    if (squares.Contains(null))
                    {
                        return;
                    }

                    factor = GradientNorm.Factor(InBlockOrder(shard.Layout, s => squares[s]!).Sum(), limit);
                }

                shard.Update(factor);
                Committed(shard.Shard, cursor);
                break;
        }
    }

    private string Line(int step)
    {
        UInt128[][] parts = _hashes[step];
        return StateHash.ToHex(StateHash.Combine([.. InBlockOrder(_shards[0].Layout, s => parts[s])]));
    }

    private static IEnumerable<T> InBlockOrder<T>(ModelLayout layout, Func<int, T[]> ofShard)
    {
        var next = new int[layout.Shards];
        return layout.Chunks.SelectMany(c => Enumerable.Range(0, c.BlockCount).Select(_ => ofShard(c.Shard)[next[c.Shard]++])).ToArray();
    }

    /// <summary>A worker; each yield is a place where it may be killed, frozen or overtaken.</summary>
    private IEnumerable<int> Work(string name)
    {
        var layout = new ModelLayout(_job.Tensors, _job.Shards);
        var values = new float[layout.Elements];
        var gradient = new float[layout.Elements];
        var group = new GroupBuilder(_job, layout);
        while (true)
        {
            // A version counts when all shards give the same.
            var cursors = new Cursor[_shards.Length];
            var hints = new short[_shards.Length][];
            for (int s = 0; s < _shards.Length; s++)
            {
                while (!CanPull(s))
                {
                    yield return 0;
                }

                using PulledVersion view = _shards[s].View(-1);
                layout.Scatter(s, view.Values!.Value.Span, values);
                (cursors[s], hints[s]) = (view.Cursor, view.Hints.ToArray());
                yield return 0;
            }

            // A shard that stayed behind, its workers gone, is helped on from what the others kept.
            Cursor cursor = cursors.Min();
            bool whole = true;
            for (int s = 0; s < _shards.Length && whole; s++)
            {
                if (cursors[s] > cursor)
                {
                    using PulledVersion? kept = _lost[s] ? null : _shards[s].ViewAt(cursor, -1);
                    whole = kept is not null;
                    if (kept is not null)
                    {
                        layout.Scatter(s, kept.Values!.Value.Span, values);
                        hints[s] = kept.Hints.ToArray();
                        Helped++;
                    }

                    yield return 0;
                }
                else
                {
                    whole = !_lost[s] && _shards[s].Cursor == cursor;
                }
            }

            if (!whole)
            {
                continue;
            }
            if (cursor.Step >= _job.TotalSteps)
            {
                yield break;
            }

            group.Begin(cursor, hints);
            var members = new List<int>();
            Lease? lease = _leases.AdvanceAsync(cursor, _job.Slots, name, default).Result;
            yield return 0;
            if (lease is null)
            {
                int[] missing = [.. _shards.Where(s => !_lost[s.Shard]).SelectMany(s => s.Missing(cursor)).Distinct().Order()];
                lease = missing.Length == 0 ? null : _leases.TakeOverAsync(cursor, _job.Slots, missing, name, 2, default).Result;
                yield return 0;
                if (lease is null)
                {
                    continue;
                }
            }

            bool stale = false;
            while (lease is { } current && !stale)
            {
                StubGradients.Fill(gradient, values, cursor.Step, current.Slot, _spike);
                yield return 0;
                Completion completion = _leases.CompleteAsync(cursor, current.Slot, name, true, default).Result;
                stale = completion.Stale;
                if (stale || members.Contains(current.Slot))
                {
                    // An emptied lease table may give a worker what it has already.
                }
                else if (completion.MayJoinGroup && !current.Contested)
                {
                    group.Add(current.Slot, 1, cursor.Step + current.Slot, [], gradient);
                    members.Add(current.Slot);
                }
                else
                {
                    var alone = new GroupBuilder(_job, layout);
                    alone.Begin(cursor, hints);
                    alone.Add(current.Slot, 1, cursor.Step + current.Slot, [], gradient);
                    foreach (int turn in Push(name, cursor, alone, [current.Slot]))
                    {
                        yield return turn;
                    }
                }

                lease = completion.Next;
                yield return 0;
            }

            if (!stale && members.Count > 0)
            {
                foreach (int turn in Push(name, cursor, group, members))
                {
                    yield return turn;
                }
            }
        }
    }

    private IEnumerable<int> Push(string name, Cursor cursor, GroupBuilder group, List<int> slots)
    {
        var missing = new SortedSet<int>();
        IReadOnlyList<Contribution> parts = group.Build(name);
        foreach (int s in Enumerable.Range(0, parts.Count).OrderBy(_ => _random.Next()).ToArray())
        {
            bool again;
            do
            {
                again = false;
                if (_lost[s])
                {
                    missing.UnionWith(slots);
                    break;
                }

                // A push goes to one process: whoever takes that shard's place does not know of it.
                ShardJob shard = _shards[s];
                PushTicket ticket = shard.BeginPush(parts[s]);
                bool broken = false;
                foreach (ChunkSum chunk in parts[s].Chunks)
                {
                    yield return 0;
                    if (_lost[s] || shard != _shards[s])
                    {
                        broken = true;
                        break;
                    }

                    if (!_calm && _random.Next(60) == 0)
                    {
                        broken = true;
                        break;
                    }

                    shard.AddChunk(ticket, chunk);
                }

                yield return 0;
                broken |= _lost[s] || shard != _shards[s];
                if (broken)
                {
                    BrokenOff++;
                    again = true;
                    continue;
                }

                PushResult result = shard.EndPush(ticket);
                Duplicates += result.Status == PushStatus.Duplicate ? 1 : 0;
                Refused += result.Status == PushStatus.Refused ? 1 : 0;
                Mismatched += result.Mismatched.Count;
                missing.UnionWith(result.Status == PushStatus.Refused ? result.Missing : []);
                if (!_calm && _random.Next(20) == 0)
                {
                    // The answer is lost on the way: the client sends the whole again.
                    Resent++;
                    again = true;
                }

                yield return 0;
            }
            while (again);
        }

        _ = _leases.PushedAsync(cursor, [.. slots.Except(missing)], default);
        _ = _leases.ReleaseAsync(cursor, [.. missing], default);
        yield return 0;
    }

    private sealed class Actor
    {
        public required string Name { get; init; }
        public required IEnumerator<int> Program { get; set; }
        public int FrozenTurns { get; set; }
    }
}
