using Lockstep.Core.Checkpoints;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

/// <summary>Shards that lose all that they hold, checkpoints that become durable some time after they were cut, and a scheduler that takes the job up again, shard by shard.</summary>
internal sealed partial class PushExploration
{
    private const int CheckpointEvery = 2;

    private readonly bool _losing;
    private readonly bool[] _lost;
    private readonly Dictionary<(int Generation, long Version), ShardState?[]> _cut = [];
    private readonly List<(int Generation, ShardState State)> _writing = [];
    private readonly SortedDictionary<long, CheckpointSet> _sets = [];
    private readonly Dictionary<(int Generation, long Step), bool[]> _announced = [];
    private readonly List<int> _toRestore = [];
    private (int Generation, long? Version)? _restoration;
    private int _generation;

    /// <value>A shard lost its state while all others were at its version.</value>
    public int LostLevel { get; private set; }
    /// <value>A shard lost its state while another had the next version already: between update and announcement.</value>
    public int LostBehind { get; private set; }
    /// <value>A shard lost its state that had the next version while another had not.</value>
    public int LostAhead { get; private set; }
    /// <value>A shard lost its state while the job was being taken up.</value>
    public int LostInRestoration { get; private set; }
    /// <value>The job went back to a checkpoint.</value>
    public int WentBack { get; private set; }
    /// <value>The job went back to its start, before any checkpoint was durable.</value>
    public int StartedAgain { get; private set; }
    /// <value>A worker opened the job at a shard that had lost it.</value>
    public int OpenedAnew { get; private set; }
    /// <value>A shard's part of a step was done again, with the same hashes.</value>
    public int RepeatedParts { get; private set; }
    /// <value>... with others.</value>
    public int DifferentParts { get; private set; }

    private void Initialize(int shard)
    {
        _shards[shard].Initialize(_shards[shard].Layout.Gather(shard, StubGradients.Initial(_job)));
        _writing.Add((_shards[shard].Cursor.Generation, _shards[shard].Snapshot()));
    }

    private void Lose(int shard)
    {
        if (_lost[shard])
        {
            return;
        }

        long step = _shards[shard].Cursor.Step;
        long[] others = [.. _shards.Where(s => s.Shard != shard && !_lost[s.Shard] && s.Cursor.Generation == _shards[shard].Cursor.Generation).Select(s => s.Cursor.Step)];
        LostBehind += others.Any(o => o > step) ? 1 : 0;
        LostAhead += others.Any(o => o < step) ? 1 : 0;
        LostLevel += others.All(o => o == step) ? 1 : 0;
        LostInRestoration += _restoration is null ? 0 : 1;
        _lost[shard] = true;
        // What this process was writing is not finished by anybody.
        _writing.RemoveAll(w => w.State.Shard == shard);
        BeginRestoration();
    }

    /// <summary>The scheduler chooses where to go back to; the shards follow one by one.</summary>
    private void BeginRestoration()
    {
        _restoration = (++_generation, _sets.Count == 0 ? null : _sets.Keys.Last());
        _toRestore.Clear();
        _toRestore.AddRange(Enumerable.Range(0, _shards.Length).OrderBy(_ => _random.Next()));
    }

    /// <summary>What goes on beside the steps: a write ends, or one shard is taken up.</summary>
    private void TendShards()
    {
        if (_writing.Count > 0 && _random.Next(40) == 0)
        {
            int which = _random.Next(_writing.Count);
            (int generation, ShardState state) = _writing[which];
            _writing.RemoveAt(which);
            PartsOf(_cut, (generation, state.Version))[state.Shard] = state;
        }

        foreach (((int generation, long version), ShardState?[] parts) in _cut.ToArray())
        {
            // As ps-0 does: the set counts once the step before it was reported, and only in its own generation.
            if (!parts.Contains(null) && (version == 0 || AllAnnounced(generation, version - 1)) && generation == _shards[0].Cursor.Generation && !_lost[0])
            {
                _sets[version] = new CheckpointSet("memory", _job, generation, version, [.. parts.Select(p => p!)]);
                _cut.Remove((generation, version));
            }
        }

        if (_restoration is not { } restoration || _random.Next(30) != 0)
        {
            return;
        }

        int shard = _toRestore[^1];
        _toRestore.RemoveAt(_toRestore.Count - 1);
        _shards[shard] = new ShardJob(_job, shard, restoration.Generation);
        _lost[shard] = false;
        if (restoration.Version is { } known)
        {
            _shards[shard].Load(_sets[known], restoration.Generation);
        }

        if (_toRestore.Count == 0)
        {
            WentBack += restoration.Version is null ? 0 : 1;
            StartedAgain += restoration.Version is null ? 1 : 0;
            _restoration = null;
        }
    }

    /// <summary>Whether a worker can pull from a shard. It gives initial values where they are waited for, and may open a job at a shard that has just lost it.</summary>
    private bool CanPull(int shard)
    {
        if (_lost[shard])
        {
            if (_random.Next(200) != 0)
            {
                return false;
            }

            OpenedAnew++;
            _shards[shard] = new ShardJob(_job, shard);
            _lost[shard] = false;
        }

        if (!_shards[shard].HasValues)
        {
            Initialize(shard);
        }

        return true;
    }

    /// <summary>A shard computed a version: shows it, and announces it.</summary>
    private void Committed(int shard, Cursor cursor)
    {
        Escaped += _shards[shard].Commit().EscapedBlocks;
        UInt128[] hashes = [.. _shards[shard].BlockHashes()];
        if (_shards[shard].Cursor.Step % CheckpointEvery == 0)
        {
            _writing.Add((cursor.Generation, _shards[shard].Snapshot()));
        }

        UInt128[][] all = PartsOf(_hashes, cursor.Step);
        if (all[shard] is { } first)
        {
            RepeatedParts += first.SequenceEqual(hashes) ? 1 : 0;
            DifferentParts += first.SequenceEqual(hashes) ? 0 : 1;
        }

        all[shard] = hashes;
        PartsOf(_announced, (cursor.Generation, cursor.Step))[shard] = true;
        if (AllAnnounced(cursor.Generation, cursor.Step))
        {
            foreach (ShardJob other in _shards.Where(s => s.Cursor.Generation == cursor.Generation && s.Cursor.Step > cursor.Step))
            {
                other.ReleasePrevious();
            }
        }
    }

    private bool AllAnnounced(int generation, long step) => _announced.TryGetValue((generation, step), out bool[]? parts) && parts.All(p => p);

    private T[] PartsOf<TKey, T>(Dictionary<TKey, T[]> all, TKey key) where TKey : notnull
    {
        if (!all.TryGetValue(key, out T[]? parts))
        {
            all[key] = parts = new T[_shards.Length];
        }

        return parts;
    }
}
