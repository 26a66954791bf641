using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Transport;

namespace Lockstep.Worker.Loop;

/// <summary>A version of which all shards' values are in place.</summary>
/// <param name="Staged">The flat model vector, where some shard's values were staged; give it back once it is loaded.</param>
/// <param name="Values">By shard: staged or in the shard's memory.</param>
/// <param name="Parts">By shard.</param>
/// <param name="AgreementMs">Milliseconds from the first shard's turn to the last one's.</param>
internal sealed record WholeVersion(Cursor Cursor, float[]? Staged, IReadOnlyList<ReadOnlyMemory<float>> Values, IReadOnlyList<OfferedVersion> Parts, double AgreementMs)
{
    /// <value>Whether none of the shards has begun to overwrite its values; to be asked after they were read.</value>
    public bool IsWhole => Parts.All(p => p.Placed is null || p.Placed.IsWhole());

    /// <value>Sync latency: last contribution to the step before in → all values in place, milliseconds; 0: not known.</value>
    public double SyncMs => Math.Max(0, Parts.Max(p => p.SyncMs));
}

/// <summary>
/// Holds the values of versions beside the one that is computed from: they come while a slot may still be asked for that one, and become the parameters between two slots.
/// Safe for a reading thread a shard and the compute thread. A stream gives its versions in order, so that no shard writes into a version once all have offered a newer one.
/// </summary>
internal sealed class VersionStage
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly (int Offset, int Length)[] _places;
    private readonly int _elements;
    private readonly string _jobId;
    private readonly JobFormats _formats;
    private readonly PullRounding[] _roundings;
    // Two in steady state: the version before may be kept for a shard that is behind.
    private readonly SortedDictionary<Cursor, Staged> _staged = [];
    private readonly Stack<float[]> _free = [];
    private Cursor? _loaded;

    public VersionStage(TrainingPlan job, TimeProvider time)
    {
        ModelLayout layout = job.Layout;
        _time = time;
        _jobId = job.Descriptor.JobId;
        _formats = new JobFormats(job.Descriptor.Contribution, job.Descriptor.Pull);
        _roundings = [.. Enumerable.Range(0, layout.Shards).Select(shard => PullRounding.OfShard(job.Descriptor, layout, shard))];
        _elements = layout.Elements;
        // A shard's chunks are one run of the model.
        _places = [.. Enumerable.Range(0, layout.Shards).Select(s => (layout.ChunksOf(s).Count == 0 ? 0 : layout.ChunksOf(s)[0].ModelOffset, layout.ShardElements(s)))];
    }

    /// <summary>Versions whose values of a shard need not be sent.</summary>
    public IReadOnlyCollection<Cursor> Held(int shard)
    {
        lock (_gate)
        {
            Cursor[] staged = [.. _staged.Where(s => s.Value.Parts[shard] is not null).Select(s => s.Key)];
            return _loaded is { } loaded ? [loaded, .. staged] : staged;
        }
    }

    /// <summary>Room for a shard's values; null: the version is not newer than the one that is loaded.</summary>
    public Memory<float>? Room(int shard, Cursor version)
    {
        lock (_gate)
        {
            // Not '? null :', which would be a null array, and that an empty memory.
            return _loaded is { } loaded && version <= loaded ? default(Memory<float>?) : RoomIn(At(version), shard);
        }
    }

    /// <summary>A shard's values of a version are in place.</summary>
    /// <exception cref="ProtocolException">The shard is of an older build, which would take the job for another.</exception>
    public void Offered(int shard, OfferedVersion part)
    {
        if (part.Format is { } format && format != _formats)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {_jobId}: its contributions have {_formats.Contribution} bits and its workers pull {_formats.Pull}, and shard {shard} takes it for {format.Contribution} bits and {format.Pull}. Parameter servers and workers must be of the same build.");
        }

        Cursor version = part.Cursor with { Attempt = 0 };
        if (_roundings[shard].Changes && !part.IsRounded)
        {
            part = Rounded(shard, version, part);
        }

        lock (_gate)
        {
            if (_loaded is not { } loaded || version > loaded)
            {
                At(version).Parts[shard] ??= part;
            }
        }
    }

    /// <summary>Takes a version that all shards offered; older ones are let go of.</summary>
    public WholeVersion Take(Cursor version)
    {
        lock (_gate)
        {
            Staged staged = _staged[version];
            _loaded = version;
            foreach (Cursor old in _staged.Keys.Where(c => c <= version).ToArray())
            {
                if (old != version && _staged[old].Values is { } values)
                {
                    _free.Push(values);
                }

                _staged.Remove(old);
            }

            return new WholeVersion(version, staged.Values, [.. staged.Parts.Select((part, shard) => part!.Placed?.Values ?? RoomIn(staged, shard))], staged.Parts!, _time.GetElapsedTime(staged.First).TotalMilliseconds);
        }
    }

    /// <summary>Takes the memory of a version back.</summary>
    public void GiveBack(WholeVersion version)
    {
        lock (_gate)
        {
            if (version.Staged is { } staged)
            {
                _free.Push(staged);
            }
        }
    }

    /// <summary>Rounds what a shard offers as it keeps it.</summary>
    private OfferedVersion Rounded(int shard, Cursor version, OfferedVersion part)
    {
        Memory<float> room;
        lock (_gate)
        {
            if (_loaded is { } loaded && version <= loaded)
            {
                return part;
            }

            Staged staged = At(version);
            if (staged.Parts[shard] is not null)
            {
                return part;
            }

            room = RoomIn(staged, shard);
        }

        // The room is this stream's until it has offered the version.
        _roundings[shard].Apply((part.Placed?.Values ?? room).Span, room.Span);
        if (part.Placed is null)
        {
            return part;
        }

        bool isWhole = part.Placed.IsWhole();
        return part with { Placed = new PlacedValues(room, () => isWhole) };
    }

    private Staged At(Cursor version)
    {
        if (!_staged.TryGetValue(version, out Staged? staged))
        {
            _staged[version] = staged = new Staged(new OfferedVersion?[_places.Length], _time.GetTimestamp());
        }

        return staged;
    }

    private Memory<float> RoomIn(Staged staged, int shard)
    {
        staged.Values ??= _free.TryPop(out float[]? values) ? values : GC.AllocateUninitializedArray<float>(_elements);
        return staged.Values.AsMemory(_places[shard].Offset, _places[shard].Length);
    }

    private sealed class Staged(OfferedVersion?[] parts, long first)
    {
        public OfferedVersion?[] Parts { get; } = parts;
        public long First { get; } = first;
        // Made where some shard's values are to be staged.
        public float[]? Values { get; set; }
    }
}
