using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Protocol;

/// <summary>One shard's part of one job, from version to version: a state machine without clock, threads or I/O. Callers serialise the calls, but for what says otherwise.</summary>
public sealed class ShardState : IDisposable
{
    private readonly IReadOnlyList<Chunk> _chunks;
    private readonly Schedule _schedule;
    private readonly StepSums _sums;
    private readonly ShardModel _model;
    private readonly PullRounding _rounding;
    private readonly EscapePool _escapes;
    private (Cursor Cursor, VersionBuffer Buffer)? _earlier;
    // Null where the job began later than at version 0.
    private UInt128? _initialHash;

    /// <param name="generation">In which it waits for initial values.</param>
    /// <param name="escapes">Room for escaped sums; null: without limit.</param>
    /// <param name="room">Makes memory for the values of a version; null: of this process.</param>
    /// <exception cref="ArgumentException">The descriptor describes no model.</exception>
    /// <exception cref="ProtocolException">There are no contributions or pulls of its formats.</exception>
    public ShardState(JobDescriptor descriptor, int shard, int generation = 0, EscapePool? escapes = null, Func<int, IVersionRoom>? room = null)
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
        Intake = new StepIntake(descriptor, shard, _chunks, _sums);
        Intake.Begin(Cursor, null);
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

    /// <value>Takes contributions to the step in hand.</value>
    public StepIntake Intake { get; }

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
        BeginStep();
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

        return Intake.Missing();
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
        CommittedStep step = Intake.Report(LearningRate) with { EscapedBlocks = escaped, UnusedBits = unusedBits };
        _earlier?.Buffer.Release();
        var next = new Cursor(Cursor.Generation, Cursor.Step + 1, 0);
        _earlier = (Cursor, _model.Commit(next));
        Cursor = next;
        Intake.Clear();
        BeginStep();
        _escapes.StepOver(Cursor.Step);
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
    public ShardSnapshot Snapshot() => _model.Snapshot(Cursor, Shard);

    /// <summary>Starts from a checkpoint, which may have been cut by another number of shards. Of a job without values only.</summary>
    /// <param name="generation">From here on; null: the one after that of the checkpoint.</param>
    /// <exception cref="ProtocolException">It is not of this job or its determinism class, or a part of it is missing.</exception>
    public void Load(CheckpointSet set, int? generation = null)
    {
        CheckpointFit.Require(Descriptor, set);
        var cursor = new Cursor(generation ?? set.Generation + 1, set.Version, 0);
        int loaded = _model.Load(set, Layout, Shard, cursor);
        if (loaded != _chunks.Count)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint at {set.Directory} holds {loaded} of the {_chunks.Count} chunks of shard {Shard}. Resume from an older one.");
        }

        _initialHash = set.Version == 0 ? HashOf(_model.Current!.Values.Span) : null;
        Cursor = cursor;
        BeginStep();
    }

    /// <summary>Lets go of the memory, once no pull reads it. After that nothing may be asked of the job.</summary>
    public void Dispose()
    {
        _earlier?.Buffer.Release();
        _earlier = null;
        _model.Dispose();
    }

    private static UInt128 HashOf(ReadOnlySpan<float> values) => StateHash.Block(values, [], [], BlockHint.Initial);

    private PulledVersion View(Cursor cursor, VersionBuffer buffer, bool finished, long heldStep)
    {
        buffer.Use();
        // Not '? null :', which would be a null array, and that an empty memory.
        ReadOnlyMemory<float>? values = heldStep == cursor.Step ? default(ReadOnlyMemory<float>?) : buffer.Values;
        return new PulledVersion(cursor, finished, values, buffer.Hints, buffer.Release) { Rounding = _rounding, Contribution = Descriptor.Contribution, Pull = Descriptor.Pull };
    }

    private void BeginStep() => Intake.Begin(Cursor, Finished ? null : _model.Current!.Hints);

    private void RequireWhole()
    {
        StepDecision decision = Intake.Decide();
        if (decision != StepDecision.Update)
        {
            throw new InvalidOperationException($"Job {Descriptor.JobId}, {Cursor}: the step's decision is {decision}, not {StepDecision.Update}.");
        }
    }
}
