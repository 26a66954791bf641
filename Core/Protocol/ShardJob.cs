using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Protocol;

public enum StepDecision
{
    /// <summary>Some slot is missing in some chunk.</summary>
    Wait = 0,
    /// <summary>A value did not fit its range, or the attempt only measured: the step is repeated with wider ranges.</summary>
    Repeat = 1,
    Update = 2,
    /// <summary>Two workers say of one slot that it is NaN or infinite.</summary>
    NotFinite = 3,
}

/// <summary>
/// One shard's part of one job: a state machine without clock, threads or I/O.
/// Slots are kept per chunk, and a chunk of a contribution is added whole or not at all. Callers serialise the calls.
/// </summary>
public sealed partial class ShardJob
{
    private readonly IReadOnlyList<Chunk> _chunks;
    private readonly int[] _chunkOffsets;
    private readonly int[] _chunkBlockOffsets;
    private readonly Block[] _blocks;
    private readonly Optimizer _optimizer;
    private readonly Schedule _schedule;
    private readonly VersionBuffers _buffers;
    private readonly float[] _state1;
    private readonly float[] _state2;
    private readonly short[] _ranges;
    private readonly short[] _nextRanges;
    private readonly int[] _sums;
    private readonly float[] _maxima;
    private readonly SlotSet[] _bitmaps;
    private readonly ulong[][] _hashes;
    private readonly SlotReport?[] _reports;
    private readonly string[] _slotWorkers;
    /// <value>By slot: the workers that say so, in this attempt.</value>
    private readonly Dictionary<int, HashSet<string>> _notFinite = [];
    private VersionBuffer? _current;
    private Earlier? _earlier;
    // Null where the job began later than at version 0.
    private UInt128? _initialHash;

    /// <param name="generation">In which it waits for initial values.</param>
    /// <exception cref="ArgumentException">The descriptor describes no model.</exception>
    public ShardJob(JobDescriptor descriptor, int shard, int generation = 0)
    {
        Cursor = new Cursor(generation, 0, 0);
        Descriptor = descriptor;
        Shard = shard;
        Layout = new ModelLayout(descriptor.Tensors, descriptor.Shards);
        _chunks = Layout.ChunksOf(shard);
        _chunkOffsets = new int[_chunks.Count];
        _chunkBlockOffsets = new int[_chunks.Count];
        for (int i = 1; i < _chunks.Count; i++)
        {
            _chunkOffsets[i] = _chunkOffsets[i - 1] + _chunks[i - 1].Length;
            _chunkBlockOffsets[i] = _chunkBlockOffsets[i - 1] + _chunks[i - 1].BlockCount;
        }

        _blocks = [.. _chunks.SelectMany(c => Layout.Blocks.Skip(c.FirstBlock).Take(c.BlockCount))];
        Elements = Layout.ShardElements(shard);
        _optimizer = Optimizer.Create(descriptor.Optimizer);
        _schedule = new Schedule(descriptor.Optimizer, descriptor.Schedule, descriptor.TotalSteps);
        _buffers = new VersionBuffers(Elements);
        _state1 = new float[_optimizer.StateArrays > 0 ? Elements : 0];
        _state2 = new float[_optimizer.StateArrays > 1 ? Elements : 0];
        _ranges = new short[_blocks.Length];
        _nextRanges = new short[_blocks.Length];
        Array.Fill(_ranges, RangePolicy.Initial);
        _sums = new int[Elements];
        _maxima = new float[_blocks.Length];
        // A shard without chunks still waits for every slot's report, as all shards decide alike.
        _bitmaps = [.. Enumerable.Range(0, Math.Max(1, _chunks.Count)).Select(_ => new SlotSet(descriptor.Slots))];
        _hashes = [.. _bitmaps.Select(_ => new ulong[descriptor.Slots])];
        _reports = new SlotReport?[descriptor.Slots];
        _slotWorkers = new string[descriptor.Slots];
        ResetAttempt();
    }

    public JobDescriptor Descriptor { get; }
    public int Shard { get; }
    public ModelLayout Layout { get; }

    /// <value>Elements of this shard.</value>
    public int Elements { get; }

    public Cursor Cursor { get; private set; }

    /// <value>The attempt only measures: sums are ignored.</value>
    public bool Measures { get; private set; }

    public bool HasValues => _current is not null;
    public bool Finished => HasValues && Cursor.Step >= Descriptor.TotalSteps;

    /// <value>The learning rate of the step in hand.</value>
    public double LearningRate => _schedule.Rate(Cursor.Step);

    /// <value>Bytes that a shard of this job takes while it trains: values twice, optimizer state, sums and a version in flight.</value>
    public static long BytesNeeded(JobDescriptor descriptor, int shard)
    {
        long elements = new ModelLayout(descriptor.Tensors, descriptor.Shards).ShardElements(shard);
        return elements * sizeof(float) * (4 + Optimizer.Create(descriptor.Optimizer).StateArrays);
    }

    /// <summary>Gives version 0. The same bits again are accepted; a job that was taken up from a later checkpoint needs none and does not look at them.</summary>
    /// <param name="values">[Elements], in chunk order.</param>
    /// <exception cref="ProtocolException">Another length, a value that is not finite, or other bits than before.</exception>
    public void Initialize(ReadOnlySpan<float> values)
    {
        if (values.Length != Elements)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: shard {Shard} has {Elements} elements, the initial values are {values.Length}.");
        }

        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: an initial value for shard {Shard} is {value}.");
            }
        }

        UInt128 hash = HashOf(values);
        if (HasValues)
        {
            if (_initialHash is { } initial && hash != initial)
            {
                throw new ProtocolException(ProtocolError.Conflict, $"Job {Descriptor.JobId}: another worker gave shard {Shard} other initial values. All workers must run the same build.");
            }

            return;
        }

        _initialHash = hash;
        _current = _buffers.Rent();
        values.CopyTo(_current.Values);
        Measures = true;
    }

    /// <summary>The newest version. Dispose it once it is sent.</summary>
    /// <param name="heldStep">The version that the caller holds: its values are left out.</param>
    /// <param name="ageMs">Milliseconds since the last contribution to the step before.</param>
    public PulledVersion View(long heldStep, double ageMs = -1) => View(Cursor, _current!, Measures, Finished, _ranges, heldStep, ageMs);

    /// <summary>
    /// What this shard gave out at exactly <paramref name="cursor"/>: where it is, or the one move before that. Shards are never further apart, since nobody computes for a cursor before all shards are there,
    /// so a shard that stayed behind with its workers gone can be helped on.
    /// </summary>
    /// <returns>Null: the shard is not there yet, or has let go of it.</returns>
    public PulledVersion? ViewAt(Cursor cursor, long heldStep)
    {
        if (HasValues && Cursor == cursor)
        {
            return View(heldStep);
        }

        return _earlier is { } earlier && earlier.Cursor == cursor
            ? View(cursor, earlier.Buffer, earlier.Measures, false, earlier.Ranges, heldStep)
            : null;
    }

    /// <summary>Slots that some chunk lacks at <paramref name="cursor"/>; all of them where the shard is not there yet, none where it is past it.</summary>
    public IReadOnlyList<int> Missing(Cursor cursor)
    {
        if (Cursor > cursor || Finished)
        {
            return [];
        }

        if (Cursor < cursor || !HasValues)
        {
            return [.. Enumerable.Range(0, Descriptor.Slots)];
        }

        return [.. Enumerable.Range(0, Descriptor.Slots).Where(slot => _bitmaps.Any(b => !b.Contains(slot)))];
    }

    /// <summary>What is to be done now; the same on every shard that has all slots, whatever came first.</summary>
    public StepDecision Decide()
    {
        if (!HasValues || Finished)
        {
            return StepDecision.Wait;
        }

        if (_notFinite.Values.Any(IsConfirmed))
        {
            return StepDecision.NotFinite;
        }

        if (!_bitmaps.All(b => b.IsFull))
        {
            return StepDecision.Wait;
        }

        SlotFlags all = _reports.Aggregate(SlotFlags.None, (flags, report) => flags | report!.Flags);
        return Measures || all.HasFlag(SlotFlags.Overflow) ? StepDecision.Repeat : StepDecision.Update;
    }

    /// <summary>The slots that were not finite wherever they were computed.</summary>
    public IReadOnlyList<int> NotFiniteSlots() => [.. _notFinite.Where(slot => IsConfirmed(slot.Value)).Select(slot => slot.Key).Order()];

    private static bool IsConfirmed(HashSet<string> workers) => workers.Count > 1;

    /// <summary>Begins the step's next attempt, with ranges that fit what was seen.</summary>
    public void Repeat()
    {
        Require(StepDecision.Repeat);
        short[] ranges = [.. _ranges];
        for (int block = 0; block < _blocks.Length; block++)
        {
            if (Measures)
            {
                _ranges[block] = RangePolicy.FromMeasured(_maxima[block]);
            }
            else if (_maxima[block] > Math.ScaleB(1.0, _ranges[block]))
            {
                _ranges[block] = RangePolicy.Widen(_ranges[block], _maxima[block]);
            }
        }

        if (!Measures)
        {
            Counters.RangeRepeats++;
        }

        Keep(new Earlier(Cursor, _current!.Use(), ranges, Measures));

        Measures = false;
        Cursor = Cursor with { Attempt = Cursor.Attempt + 1 };
        ResetAttempt();
    }

    private static UInt128 HashOf(ReadOnlySpan<float> values) => StateHash.Block(values, [], [], 0);

    private static PulledVersion View(Cursor cursor, VersionBuffer buffer, bool measures, bool finished, short[] ranges, long heldStep, double ageMs = -1)
    {
        buffer.Use();
        // Not '? null :', which would be a null array, and that an empty memory.
        ReadOnlyMemory<float>? values = heldStep == cursor.Step ? default(ReadOnlyMemory<float>?) : buffer.Values;
        return new PulledVersion(cursor, measures, finished, values, [.. ranges], buffer.Release) { AgeMs = ageMs };
    }

    private void Keep(Earlier earlier)
    {
        _earlier?.Buffer.Release();
        _earlier = earlier;
    }

    private void Require(StepDecision decision)
    {
        StepDecision actual = Decide();
        if (actual != decision)
        {
            throw new InvalidOperationException($"Job {Descriptor.JobId}, {Cursor}: the step's decision is {actual}, not {decision}.");
        }
    }

    private void ResetAttempt()
    {
        Array.Clear(_sums);
        Array.Clear(_maxima);
        foreach (SlotSet bitmap in _bitmaps)
        {
            bitmap.Clear();
        }

        foreach (ulong[] hashes in _hashes)
        {
            Array.Clear(hashes);
        }

        Array.Clear(_reports);
        _notFinite.Clear();
        Array.Fill(_slotWorkers, "");
        Counters.GroupSizes.Clear();
    }

    private sealed record Earlier(Cursor Cursor, VersionBuffer Buffer, short[] Ranges, bool Measures);
}
