using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Protocol;

public enum StepDecision
{
    /// <summary>Some slot is missing in some chunk.</summary>
    Wait = 0,
    Update = 1,
    /// <summary>Two workers say of one slot that it is NaN or infinite.</summary>
    NotFinite = 2,
}

/// <summary>
/// One shard's part of one job: a state machine without clock, threads or I/O.
/// Slots are kept per chunk, and a chunk of a contribution is added whole or not at all. Callers serialise the calls, but for what says otherwise.
/// </summary>
public sealed class ShardJob : IDisposable
{
    private readonly IReadOnlyList<Chunk> _chunks;
    private readonly Schedule _schedule;
    private readonly StepSums _sums;
    private readonly ShardModel _model;
    private readonly PullRounding _rounding;
    private readonly EscapePool _escapes;
    private readonly SlotReport?[] _reports;
    private readonly string[] _slotWorkers;
    /// <value>By slot: the workers that say so, in this step.</value>
    private readonly Dictionary<int, HashSet<string>> _notFinite = [];
    private (Cursor Cursor, VersionBuffer Buffer)? _earlier;
    // Null where the job began later than at version 0.
    private UInt128? _initialHash;

    /// <param name="generation">In which it waits for initial values.</param>
    /// <param name="escapes">Room for escaped sums; null: without limit.</param>
    /// <param name="room">Makes memory for the values of a version; null: of this process.</param>
    /// <exception cref="ArgumentException">The descriptor describes no model.</exception>
    /// <exception cref="ProtocolException">There are no contributions or pulls of its formats.</exception>
    public ShardJob(JobDescriptor descriptor, int shard, int generation = 0, EscapePool? escapes = null, Func<int, IVersionRoom>? room = null)
    {
        Cursor = new Cursor(generation, 0, 0);
        Descriptor = descriptor;
        Shard = shard;
        Layout = new ModelLayout(descriptor.Tensors, descriptor.Shards);
        _chunks = Layout.ChunksOf(shard);
        _schedule = new Schedule(descriptor.Optimizer, descriptor.Schedule, descriptor.TotalSteps);
        _escapes = escapes ?? new EscapePool();
        _sums = new StepSums(descriptor, Layout, shard, _escapes);
        _model = new ShardModel(descriptor, Layout, shard, _sums.Blocks, room ?? (elements => new HeapRoom(elements)));
        _rounding = PullRounding.OfShard(descriptor, Layout, shard);
        _reports = new SlotReport?[descriptor.Slots];
        _slotWorkers = new string[descriptor.Slots];
        Array.Fill(_slotWorkers, "");
    }

    public JobDescriptor Descriptor { get; }
    public int Shard { get; }
    public ModelLayout Layout { get; }

    /// <value>Elements of this shard.</value>
    public int Elements => _model.Elements;

    public Cursor Cursor { get; private set; }
    public bool HasValues => _model.Current is not null;
    public bool Finished => HasValues && Cursor.Step >= Descriptor.TotalSteps;

    /// <value>The learning rate of the step in hand.</value>
    public double LearningRate => _schedule.Rate(Cursor.Step);

    /// <value>Since the last version.</value>
    public StepCounters Counters { get; private set; } = new();

    /// <summary>Bytes that a shard of this job takes while it trains: values twice, optimizer state, moving average, sums and a version in flight; and for every block one sum that escapes, as in step 0. What escapes beyond that comes on top.</summary>
    /// <param name="escapes">How many of them are for escapes.</param>
    public static long BytesNeeded(JobDescriptor descriptor, int shard, out long escapes)
    {
        long elements = new ModelLayout(descriptor.Tensors, descriptor.Shards).ShardElements(shard);
        escapes = elements * sizeof(int);
        return escapes + (elements * sizeof(float) * (4 + Optimizer.Create(descriptor.Optimizer).StateArrays + (descriptor.Optimizer.AverageDecay is null ? 0 : 1)));
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
        _model.Initialize(values, Cursor);
    }

    /// <summary>The newest version. Dispose it once it is sent.</summary>
    /// <param name="heldStep">The version that the caller holds: its values are left out.</param>
    public PulledVersion View(long heldStep) => View(Cursor, _model.Current!, Finished, heldStep);

    /// <summary>
    /// What this shard gave out at exactly <paramref name="cursor"/>: where it is, or the version before that. Shards are never further apart, since nobody computes for a cursor before all shards are there,
    /// so a shard that stayed behind with its workers gone can be helped on.
    /// </summary>
    /// <returns>Null: the shard is not there yet, or has let go of it.</returns>
    public PulledVersion? ViewAt(Cursor cursor, long heldStep)
    {
        if (HasValues && Cursor == cursor)
        {
            return View(heldStep);
        }

        return _earlier is { } earlier && earlier.Cursor == cursor ? View(cursor, earlier.Buffer, false, heldStep) : null;
    }

    /// <summary>The version before the newest, as long as it is kept: a worker that joins may have to help a shard on that stayed behind.</summary>
    /// <param name="held">Versions whose values the caller holds.</param>
    /// <returns>Null: it is not kept any more.</returns>
    public PulledVersion? ViewEarlier(IReadOnlyCollection<Cursor> held) =>
        _earlier is { } earlier ? ViewAt(earlier.Cursor, held.Contains(earlier.Cursor) ? earlier.Cursor.Step : -1) : null;

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

        return [.. Enumerable.Range(0, Descriptor.Slots).Where(_sums.Lacks)];
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

        return _sums.IsWhole ? StepDecision.Update : StepDecision.Wait;
    }

    /// <summary>The slots that were not finite wherever they were computed.</summary>
    public IReadOnlyList<int> NotFiniteSlots() => [.. _notFinite.Where(slot => IsConfirmed(slot.Value)).Select(slot => slot.Key).Order()];

    /// <summary>Begins to take a contribution.</summary>
    /// <exception cref="ProtocolException">It does not fit the job; what is wrong is named.</exception>
    public PushTicket BeginPush(Contribution header)
    {
        Validate(header);
        return new PushTicket(header, new SlotSet(Descriptor.Slots, header.Reports.Select(r => r.Slot)), _chunks.Count, HasValues && header.Cursor == Cursor && !Finished ? _model.Current!.Hints : null);
    }

    /// <summary>Adds a chunk whole, or leaves it where its slots are in already or overlap.</summary>
    /// <returns>Whether it was added.</returns>
    /// <exception cref="ProtocolException">It cannot be what it says; what is wrong is named.</exception>
    public bool AddChunk(PushTicket ticket, in ChunkSum chunk)
    {
        if (!Admits(ticket, chunk))
        {
            return false;
        }

        string? fault = Check(ticket, chunk);
        if (!Claim(ticket, chunk, fault))
        {
            return false;
        }

        Accumulate(ticket, chunk);
        Done(ticket);
        return true;
    }

    /// <summary>First of four parts of <see cref="AddChunk"/>, so that only short ones need the callers' order: whether the chunk is worth a look.</summary>
    public bool Admits(PushTicket ticket, in ChunkSum chunk)
    {
        int index = _sums.IndexOf(chunk.Chunk);
        if (index < 0)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"Job {Descriptor.JobId}: chunk {chunk.Chunk} is not one of shard {Shard}.");
        }

        if (ticket.IsNotFinite)
        {
            throw Invalid(ticket.Header, "a slot that is not finite comes with a sum");
        }

        if (!ticket.Delivered.Add(index))
        {
            throw Invalid(ticket.Header, $"chunk {chunk.Chunk} comes twice");
        }

        return IsCurrent(ticket) && !IsRefused(ticket, index);
    }

    /// <summary>Second part, at any time: looks through the numbers.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public string? Check(PushTicket ticket, in ChunkSum chunk) => _sums.Check(_sums.IndexOf(chunk.Chunk), chunk, ticket.Header.Reports, ticket.Hints);

    /// <summary>Third part: takes the chunk's slots for this contribution. Where that succeeds, no version is made before <see cref="Done"/>.</summary>
    /// <param name="fault">Of <see cref="Check"/>.</param>
    public bool Claim(PushTicket ticket, in ChunkSum chunk, string? fault)
    {
        int index = _sums.IndexOf(chunk.Chunk);
        if (!IsCurrent(ticket) || IsRefused(ticket, index))
        {
            return false;
        }

        if (fault is not null)
        {
            throw Invalid(ticket.Header, fault);
        }

        _sums.TryClaim(index, ticket.Slots, ticket.Header.Reports);
        TakeNote(ticket, index);
        return true;
    }

    /// <summary>Fourth part, at any time: adds the sums of a claimed chunk.</summary>
    /// <exception cref="ProtocolException">There is no memory left for escapes: the job cannot go on.</exception>
    public void Accumulate(PushTicket ticket, in ChunkSum chunk) => _sums.Add(_sums.IndexOf(chunk.Chunk), chunk, ticket.Hints);

    /// <summary>A claimed chunk was added.</summary>
    public void Done(PushTicket ticket)
    {
        _sums.Done();
        ticket.Taken++;
        Through(ticket);
    }

    /// <summary>Answers a push all of whose chunks were added.</summary>
    /// <exception cref="ProtocolException">A chunk of the shard did not come.</exception>
    public PushResult EndPush(PushTicket ticket)
    {
        if (!ticket.IsNotFinite && ticket.Delivered.Count != _chunks.Count)
        {
            throw Invalid(ticket.Header, $"{ticket.Delivered.Count} of {_chunks.Count} chunks came");
        }

        if (!IsCurrent(ticket))
        {
            Counters.Stale += ticket.IsCounted ? 0 : 1;
            return new(ticket.IsCounted ? PushStatus.Accepted : PushStatus.Stale, Cursor, [], []);
        }

        if (ticket.IsNotFinite)
        {
            return EndNotFinite(ticket);
        }

        if (_chunks.Count == 0 && !IsRefused(ticket, 0) && _sums.TryTakeWithoutChunks(ticket.Slots))
        {
            TakeNote(ticket, 0);
            ticket.Taken++;
            CountIfAccepted(ticket);
        }

        int[] missing = [.. ticket.Slots.Members().Where(_sums.Lacks)];
        int[] mismatched = [.. ticket.Mismatched];
        Counters.Mismatched += mismatched.Length;
        PushStatus status;
        if (ticket.RefusedChunks > 0)
        {
            status = PushStatus.Refused;
            Counters.Refused++;
        }
        else if (ticket.IsCounted)
        {
            status = PushStatus.Accepted;
        }
        else
        {
            status = PushStatus.Duplicate;
            Counters.Duplicate++;
        }

        return new(status, Cursor, missing, mismatched);
    }

    /// <summary>The squared norm of each block's gradient, in float64; 0 for buffers, which clipping leaves alone. The same array each time.</summary>
    /// <param name="threads">As of <see cref="Update"/>.</param>
    public double[] BlockSquares(int threads = 1)
    {
        RequireWhole();
        return _model.BlockSquares(_sums, threads);
    }

    /// <summary>Computes version v + 1 beside v. Only <see cref="Commit"/> shows it; nothing else may be called in between but reads.</summary>
    /// <param name="clipFactor">Of clipping by global norm; 1 without.</param>
    /// <param name="threads">At most so many work on it; any number gives the same bits.</param>
    /// <exception cref="ProtocolException">A gradient overflows float32 where its slots are added up: the job cannot go on.</exception>
    public void Update(double clipFactor, int threads = 1)
    {
        RequireWhole();
        _model.Update(_sums, Cursor.Step, LearningRate, clipFactor, threads);
    }

    /// <summary>Moves on to the version that <see cref="Update"/> computed. The one before is kept until <see cref="ReleasePrevious"/>.</summary>
    /// <returns>What happened in the step, as this shard saw it.</returns>
    public CommittedStep Commit()
    {
        int unusedBits = _model.UnusedBits(_sums, out int escaped);
        var step = new CommittedStep(Cursor, LearningRate, [.. _reports.Select(r => r!)], [.. _slotWorkers], Counters) { EscapedBlocks = escaped, UnusedBits = unusedBits };
        _earlier?.Buffer.Release();
        var next = new Cursor(Cursor.Generation, Cursor.Step + 1, 0);
        _earlier = (Cursor, _model.Commit(next));
        Counters = new StepCounters();
        Cursor = next;
        _sums.Clear();
        _escapes.StepOver(Cursor.Step);
        Array.Clear(_reports);
        _notFinite.Clear();
        Array.Fill(_slotWorkers, "");
        return step;
    }

    /// <value>The newest version's hash of each block, of a version that was computed here; the same array each time.</value>
    public UInt128[] BlockHashes => _model.Hashes;

    /// <summary>Lets go of version v: every shard has v + 1.</summary>
    public void ReleasePrevious()
    {
        if (_earlier is { } earlier && earlier.Cursor.Step < Cursor.Step)
        {
            earlier.Buffer.Release();
            _earlier = null;
        }
    }

    /// <summary>Copies the whole state of this shard, so that training may go on while it is written. At any time but while a version is computed.</summary>
    public ShardState Snapshot() => _model.Snapshot(Cursor, Shard);

    /// <summary>Starts from a checkpoint, which may have been cut by another number of shards. Of a job without values only.</summary>
    /// <param name="generation">From here on; null: the one after that of the checkpoint.</param>
    /// <exception cref="ProtocolException">It is not of this job or its determinism class, or a part of it is missing.</exception>
    public void Load(CheckpointSet set, int? generation = null)
    {
        if (set.Descriptor.JobHash != Descriptor.JobHash)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint at {set.Directory} was cut by another job or with other data ({set.Descriptor.JobHash} instead of {Descriptor.JobHash}). Resume with the job and data that it was started with, or start a new run.");
        }

        // Initial values have the same bits everywhere.
        bool isAccepted = set.Version == Descriptor.ResumeStep && OtherClass.IsAccepted(set.Descriptor.DeterminismClass, Descriptor.DeterminismClass, Descriptor.AcceptsClass, Descriptor.AcceptsCode);
        if (set.Descriptor.DeterminismClass != Descriptor.DeterminismClass && set.Version > 0 && !isAccepted)
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {Descriptor.JobId}: {OtherClass.Problem($"the checkpoint at {set.Directory}", set.Descriptor.DeterminismClass, Descriptor.DeterminismClass)} {OtherClass.Remedy(set.Descriptor.DeterminismClass, Descriptor.DeterminismClass)}");
        }

        if (!set.Descriptor.Tensors.Select(t => (t.Name, t.Kind, t.Elements)).SequenceEqual(Descriptor.Tensors.Select(t => (t.Name, t.Kind, t.Elements))))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint at {set.Directory} holds another model.");
        }

        var cursor = new Cursor(generation ?? set.Generation + 1, set.Version, 0);
        int loaded = _model.Load(set, Layout, Shard, cursor);
        if (loaded != _chunks.Count)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint at {set.Directory} holds {loaded} of the {_chunks.Count} chunks of shard {Shard}. Resume from an older one.");
        }

        _initialHash = set.Version == 0 ? HashOf(_model.Current!.Values.Span) : null;
        Cursor = cursor;
    }

    /// <summary>Lets go of the memory, once no pull reads it. After that nothing may be asked of the job.</summary>
    public void Dispose()
    {
        _earlier?.Buffer.Release();
        _earlier = null;
        _model.Dispose();
    }

    private static bool IsConfirmed(HashSet<string> workers) => workers.Count > 1;

    private static UInt128 HashOf(ReadOnlySpan<float> values) => StateHash.Block(values, [], [], BlockHint.Initial);

    private PulledVersion View(Cursor cursor, VersionBuffer buffer, bool finished, long heldStep)
    {
        buffer.Use();
        // Not '? null :', which would be a null array, and that an empty memory.
        ReadOnlyMemory<float>? values = heldStep == cursor.Step ? default(ReadOnlyMemory<float>?) : buffer.Values;
        return new PulledVersion(cursor, finished, values, buffer.Hints, buffer.Release) { Rounding = _rounding, Contribution = Descriptor.Contribution, Pull = Descriptor.Pull };
    }

    private bool IsCurrent(PushTicket ticket) => ticket.Hints is not null && ticket.Header.Cursor == Cursor && !Finished;

    /// <summary>Whether a chunk has some of a contribution's slots already; takes note of it.</summary>
    private bool IsRefused(PushTicket ticket, int index)
    {
        if (!_sums.HasAny(index, ticket.Slots))
        {
            return false;
        }

        if (!_sums.Contains(index, ticket.Slots))
        {
            ticket.RefusedChunks++;
        }

        _sums.Compare(index, ticket.Header.Reports, ticket.Mismatched);
        Through(ticket);
        return true;
    }

    private void Through(PushTicket ticket)
    {
        if (++ticket.Through == _chunks.Count)
        {
            CountIfAccepted(ticket);
        }
    }

    private void TakeNote(PushTicket ticket, int index)
    {
        if (index == 0)
        {
            // Two may bring a slot at once, one chunk the one and one the other; to the first chunk each slot comes once.
            Counters.GroupSizes.Add(ticket.Slots.Count);
        }

        foreach (SlotReport report in ticket.Header.Reports)
        {
            if (_reports[report.Slot] is null)
            {
                _reports[report.Slot] = report;
                _slotWorkers[report.Slot] = ticket.Header.WorkerId;
            }
        }
    }

    /// <summary>Counts a push with its last chunk, not with its answer: once all chunks of all slots are in, the next version may be made before the answer is asked for.</summary>
    private void CountIfAccepted(PushTicket ticket)
    {
        if (ticket is { Taken: > 0, RefusedChunks: 0 })
        {
            ticket.IsCounted = true;
            Counters.Accepted++;
            Counters.SyncMs = Math.Max(Counters.SyncMs, double.IsFinite(ticket.Header.SyncMs) ? ticket.Header.SyncMs : 0);
        }
    }

    /// <summary>Takes note of who says that which slots are not finite, once a worker.</summary>
    private PushResult EndNotFinite(PushTicket ticket)
    {
        int slot = ticket.Header.Reports[0].Slot;
        if (!_notFinite.TryGetValue(slot, out HashSet<string>? workers))
        {
            _notFinite[slot] = workers = new HashSet<string>(StringComparer.Ordinal);
        }

        workers.Add(ticket.Header.WorkerId);
        Counters.Refused++;
        return new(PushStatus.NotFinite, Cursor, _sums.Lacks(slot) ? [slot] : [], []);
    }

    private void RequireWhole()
    {
        StepDecision decision = Decide();
        if (decision != StepDecision.Update)
        {
            throw new InvalidOperationException($"Job {Descriptor.JobId}, {Cursor}: the step's decision is {decision}, not {StepDecision.Update}.");
        }
    }

    private void Validate(Contribution header)
    {
        if (header.Reports.Count == 0)
        {
            throw Invalid(header, "it has no slots");
        }

        int last = -1;
        foreach (SlotReport report in header.Reports)
        {
            if (report.Slot <= last || report.Slot >= Descriptor.Slots)
            {
                throw Invalid(header, $"slot {report.Slot} after {last} is not in ascending order within 0 … {Descriptor.Slots - 1}");
            }

            if (report.IsNotFinite && header.Reports.Count > 1)
            {
                throw Invalid(header, $"slot {report.Slot} is not finite, and does not come alone");
            }

            int hashes = report.IsNotFinite ? 0 : _chunks.Count;
            if (report.ChunkHashes.Count != hashes)
            {
                throw Invalid(header, $"slot {report.Slot} has {report.ChunkHashes.Count} chunk hashes, not {hashes} on shard {Shard}");
            }

            if (report.Samples < 0)
            {
                throw Invalid(header, $"slot {report.Slot} reports {report.Samples} samples");
            }

            last = report.Slot;
        }
    }

    private ProtocolException Invalid(Contribution header, string what) =>
        new(ProtocolError.Invalid, $"Job {Descriptor.JobId}, {header.Cursor}: a contribution of worker {header.WorkerId} is refused by shard {Shard}: {what}.");
}

/// <summary>One finished step, as one shard saw it.</summary>
/// <param name="Reports">One a slot, in slot order.</param>
/// <param name="SlotWorkers">Whose contribution of each slot counted.</param>
public sealed record CommittedStep(Cursor Cursor, double LearningRate, IReadOnlyList<SlotReport> Reports, IReadOnlyList<string> SlotWorkers, StepCounters Counters)
{
    /// <value>Blocks of which some slot exceeded the hint.</value>
    public int EscapedBlocks { get; init; }

    /// <value>Bits of a sum that the hint left unused: no more in 99% of the blocks that fit it.</value>
    public int UnusedBits { get; init; }
}
