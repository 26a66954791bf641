using System.Diagnostics;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Grants;

namespace Lockstep.Core.Protocol;

/// <summary>What a parameter server answers: the server's end of the seam that carries the protocol. Every call may be repeated.</summary>
/// <exception cref="ProtocolException">Any call: the job is unknown, or what was sent does not fit it.</exception>
public interface IShardHost : IShardPeer
{
    /// <summary>Makes a job known; the same again is a no-op.</summary>
    /// <returns>Whether the shard waits for initial values.</returns>
    Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation);

    /// <param name="values">The elements of the shard's chunks, in chunk order.</param>
    Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation);

    JobDescriptor? Describe(string jobId);

    /// <summary>Takes a worker's stream in. It begins with the turns of the version before, where that is kept, and of the newest; a new one of a worker ends its older one.</summary>
    /// <exception cref="ProtocolException">NeedsValues: open the job and give initial values first.</exception>
    IStepSession Attach(StepHello hello, IStepSink sink);

    /// <summary>ps-0 only: what a worker has in hand, or left behind when its stream ended, in a step that is not over; null: nothing.</summary>
    AbandonedSlots? InHand(string jobId, string workerId);

    IAsyncEnumerable<StepReport> WatchAsync(string jobId, long from, CancellationToken cancellation);

    Task CloseAsync(string jobId, CancellationToken cancellation);

    /// <summary>Takes a job up again, hosted or not, from a checkpoint: the shard is at (generation, version, 0) afterwards, and whatever was on its way for an older generation is over. To be called on all shards of the job; the same again is a no-op.</summary>
    /// <param name="term">Of the scheduler that calls; an older one than was heard before is refused.</param>
    /// <param name="generation">Higher than any that the job had; an older one is refused.</param>
    /// <param name="version">Of a whole set; null: from the start, so that the shard waits for initial values or, where the job was resumed, loads what it was resumed from.</param>
    Task RestoreAsync(JobDescriptor descriptor, long term, int generation, long? version, CancellationToken cancellation);

    ShardStatus Status(string jobId);

    /// <summary>Begins to write this shard's part of the version that it is at as a checkpoint, beside those of the job's policy. The set counts once all shards did; that is sure only of a job that stands still.</summary>
    /// <returns>False: the shard is at another version.</returns>
    Task<bool> KeepAsync(string jobId, long version);

    /// <summary>What the shard finds on the disk for a job, hosted or not.</summary>
    CheckpointInventory Checkpoints(JobDescriptor descriptor);

    /// <value>Of this process.</value>
    string Incarnation { get; }
}

/// <summary>What shards tell ps-0 between version v and v + 1.</summary>
public interface IShardPeer
{
    /// <summary>Hands in the squared norm of each block of a shard; waits for those of all shards.</summary>
    /// <returns>The factor of clipping by global norm, at most 1.</returns>
    Task<double> ClipFactorAsync(string jobId, Cursor cursor, int shard, double[] blockSquares, CancellationToken cancellation);

    /// <summary>Says that a shard has version cursor.Step + 1; waits until all have. Only then may it let go of version cursor.Step.</summary>
    /// <returns>Whether version cursor.Step + 2 is to be kept as a checkpoint, beside those of the job's policy; all shards are told the same.</returns>
    Task<bool> AnnounceAsync(string jobId, ShardAnnouncement announcement, CancellationToken cancellation);

    /// <summary>Says how far a shard is with its step.</summary>
    Task ProgressAsync(string jobId, ShardProgress progress, CancellationToken cancellation);

    /// <summary>Says that a shard's part of a checkpoint is on disk, or that it could not be written.</summary>
    Task CheckpointPartAsync(string jobId, CheckpointNotice notice, CancellationToken cancellation);

    /// <summary>Asks for a checkpoint beside those of the job's policy: that of the version after the step in hand. Waits until its set is on disk; a job whose workers are away waits for them.</summary>
    /// <returns>The version.</returns>
    /// <exception cref="ProtocolException">It could not be written, or the job is over.</exception>
    Task<long> CheckpointAsync(string jobId, CancellationToken cancellation);
}

/// <param name="Cursor">The step that led to the new version.</param>
/// <param name="BlockHashes">The new version's, one a block of the shard.</param>
/// <param name="GatherMs">First contribution in → last contribution in, milliseconds.</param>
/// <param name="UpdateMs">Last contribution in → new version computed, milliseconds.</param>
/// <param name="Mismatched">Slots whose hash differed.</param>
public sealed record ShardAnnouncement(Cursor Cursor, int Shard, UInt128[] BlockHashes, double GatherMs, double UpdateMs, int Mismatched)
{
    /// <value>Milliseconds that checkpoints held this shard's training up since its last announcement: copying the state, and waiting for the write before.</value>
    public double CheckpointBlockedMs { get; init; }

    /// <value>Of <see cref="CommittedStep.EscapedBlocks"/>.</value>
    public int EscapedBlocks { get; init; }
}

/// <summary>A contribution on its way in. Disposing it before <see cref="Complete"/> leaves whole chunks in and nothing else.</summary>
public interface IPushSession : IDisposable
{
    /// <summary>Adds one chunk, or leaves it where its slots are in already.</summary>
    void Add(in ChunkSum chunk);

    PushResult Complete();
}

/// <summary>A version as a shard hands it out; its memory is the shard's until disposed.</summary>
/// <param name="values">Null where the caller holds this version.</param>
/// <param name="hints">The exponent that each block is expected to fit, in block order.</param>
public sealed class PulledVersion(Cursor cursor, bool finished, ReadOnlyMemory<float>? values, ReadOnlyMemory<short> hints, Action release) : IDisposable
{
    private Action? _release = release;

    public Cursor Cursor { get; } = cursor;
    public bool Finished { get; } = finished;
    public ReadOnlyMemory<float>? Values { get; } = values;
    public ReadOnlyMemory<short> Hints { get; } = hints;

    /// <value>How workers take the values; null: as they are.</value>
    public PullRounding? Rounding { get; init; }

    /// <value>All values in order, each stretch rounded or not.</value>
    public IReadOnlyList<PulledRun> Runs => Rounding?.Runs ?? [new PulledRun(0, Values?.Length ?? 0, false)];

    /// <value>Of the job.</value>
    public int Contribution { get; init; } = 32;

    /// <value>Of the job.</value>
    public PullFormat Pull { get; init; } = PullFormat.Float32;

    /// <value>Timestamp at which the last contribution to the step before was in; null: not known.</value>
    public long? Gathered { get; set; }

    /// <value>The span that led to this version, where its step is traced.</value>
    public ActivityContext Trace { get; set; }

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}

/// <summary>What was asked does not fit the job; asking again will not help.</summary>
public sealed class ProtocolException(ProtocolError error, string message) : Exception(message)
{
    /// <summary>What to do about <see cref="ProtocolError.NotFinite"/>.</summary>
    public const string NotFiniteRemedy = "Lower the learning rate, clip the norm, or look for bad values in the data.";

    public ProtocolError Error { get; } = error;
}

public enum ProtocolError
{
    /// <summary>The server hosts no such job.</summary>
    UnknownJob = 1,
    /// <summary>Another descriptor, other initial values, another determinism class, another line of the ledger.</summary>
    Conflict = 2,
    /// <summary>Sizes, indexes or flags that cannot be.</summary>
    Invalid = 3,
    /// <summary>The job needs more memory than there is.</summary>
    TooLarge = 4,
    /// <summary>A checkpoint is missing or damaged.</summary>
    Checkpoint = 5,
    /// <summary>The job cannot go on: its gradient is not finite.</summary>
    NotFinite = 6,
    /// <summary>The call is of an older term than the shard has heard of, or of another generation than it is in.</summary>
    Superseded = 7,
    /// <summary>The job was taken back to its start, and the shard waits for initial values: open and initialise again.</summary>
    NeedsValues = 8,
}
