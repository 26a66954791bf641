using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>What shards write beside the training. A set counts once all its parts are written and all steps before it are reported.</summary>
internal sealed class ExploredCheckpoints(StepExploration world)
{
    private readonly HashSet<(Cursor Version, int Shard)> _cut = [];
    private readonly List<ShardSnapshot> _writing = [];
    private readonly Dictionary<(int Generation, long Version), ShardSnapshot?[]> _written = [];
    private readonly SortedDictionary<long, CheckpointSet> _sets = [];

    /// <value>Null: there is none yet.</value>
    public long? Newest => _sets.Count == 0 ? null : _sets.Keys.Last();

    public CheckpointSet this[long version] => _sets[version];

    /// <summary>Begins to write a shard's newest version.</summary>
    public void Cut(ShardState job)
    {
        _cut.Add((job.Cursor, job.Shard));
        _writing.Add(job.Snapshot());
    }

    /// <summary>Whether a shard began to write a version.</summary>
    public bool WasCut(Cursor version, int shard) => _cut.Contains((version, shard));

    /// <summary>What a process that dies has not written is lost.</summary>
    public void Lose(int shard) => _writing.RemoveAll(state => state.Shard == shard);

    /// <summary>A part is on disk, and its set counts where that was the last thing that was missing.</summary>
    public void Write()
    {
        if (_writing.Count > 0)
        {
            int which = world.Random.Next(_writing.Count);
            ShardSnapshot state = _writing[which];
            _writing.RemoveAt(which);
            if (!_written.TryGetValue((state.Generation, state.Version), out ShardSnapshot?[]? parts))
            {
                _written[(state.Generation, state.Version)] = parts = new ShardSnapshot?[world.Job.Shards];
            }

            parts[state.Shard] = state;
        }

        foreach (((int generation, long version), ShardSnapshot?[] parts) in _written.ToArray())
        {
            if (!parts.Contains(null) && world.First.Knows(generation, version))
            {
                _sets[version] = new CheckpointSet("memory", world.Job, generation, version, [.. parts.Select(p => p!)]);
                _written.Remove((generation, version));
            }
        }
    }
}
