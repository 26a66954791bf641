using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Core.Metrics;

namespace Lockstep.Core.Protocol;

/// <summary>What one slot reports beside its gradient; the same to every shard but for <see cref="ChunkHashes"/>.</summary>
public sealed record SlotReport
{
    public required int Slot { get; init; }
    public required int Samples { get; init; }
    /// <value>Sum of the losses of the slot's samples.</value>
    public required double LossSum { get; init; }
    /// <value>A value of the gradient, anywhere in the model, or the loss is infinite or not a number: the slot is reported alone, without chunks, and enters no sum.</value>
    public bool IsNotFinite { get; init; }
    /// <value>The slot's linear hash over each chunk of the addressed shard, in chunk order; empty where it is not finite.</value>
    public required IReadOnlyList<ulong> ChunkHashes { get; init; }
}

/// <summary>What a worker pushes to one shard: the exact sum over a set of slots, that set, and what each of them reports.</summary>
public sealed record Contribution
{
    public required string JobId { get; init; }
    public required Cursor Cursor { get; init; }
    public required string WorkerId { get; init; }
    /// <value>One for each slot of the group, ascending by slot.</value>
    public required IReadOnlyList<SlotReport> Reports { get; init; }
    /// <value>Milliseconds from the last contribution to the step before until this worker held the version of this one; 0: not measured.</value>
    public double SyncMs { get; init; }
    /// <value>Mean time that a slot of the group took this worker, milliseconds; 0: not measured.</value>
    public double SlotMs { get; init; }
    /// <value>Its integers have few bits, so that what carries them between hosts had better pack them.</value>
    public bool IsNarrow { get; init; }
    /// <value>The worker's span that pushes, where its step is traced.</value>
    public ActivityContext Trace { get; init; }
    /// <value>The shard's chunks in chunk order; each is added whole or not at all. None where the slot is not finite.</value>
    public required IReadOnlyList<ChunkSum> Chunks { get; init; }

    /// <value>Of sums, escapes and exponents, before what carries them packs them.</value>
    public long Bytes => Chunks.Sum(c => ((c.Sums.Length + c.Escapes.Length) * sizeof(int)) + c.Exponents.Length);
}

/// <summary>The sum over a group's slots of one chunk. How many integers there are, and at which exponents they stand, follows from the slots' exponents and the version's hints.</summary>
/// <param name="Chunk">Index of the chunk in the model.</param>
/// <param name="Sums">One integer an element of the chunk, at its block's hint; empty where no slot fits the hint of any block.</param>
/// <param name="Escapes">The integers of the slots that exceed their block's hint: by block, then rising exponent, one an element of the block.</param>
/// <param name="Exponents">The code (<see cref="Codec.BlockExponent"/>) of each slot's exponent of each block: by slot, then block.</param>
public readonly record struct ChunkSum(int Chunk, ReadOnlyMemory<int> Sums, ReadOnlySequence<int> Escapes, ReadOnlyMemory<byte> Exponents);

public enum PushStatus
{
    /// <summary>At least one chunk took it, and now every chunk of the shard has these slots.</summary>
    Accepted = 1,
    /// <summary>Every chunk had these slots already.</summary>
    Duplicate = 2,
    /// <summary>The cursor is not the shard's; nothing was added. An older one needs nothing more: its step is done.</summary>
    Stale = 3,
    /// <summary>Some chunk has a part of the set and not all of it. Discard, and hand back the slots in Missing as contested.</summary>
    Refused = 4,
    /// <summary>A value was NaN or infinite; nothing was added. The worker may be at fault: another one tries the slots, and where two say so it is the job.</summary>
    NotFinite = 5,
}

/// <param name="Missing">Slots of the contribution that some chunk of the shard lacks.</param>
/// <param name="Mismatched">Slots whose hash differs from what came first: broken hardware, or a model that is not deterministic.</param>
public sealed record PushResult(PushStatus Status, Cursor ShardCursor, IReadOnlyList<int> Missing, IReadOnlyList<int> Mismatched);

/// <summary>What happened in a step, or in an evaluation (attempt <see cref="Protocol.Cursor.Evaluation"/>), as ps-0 tells it in order of its occurrence.</summary>
public sealed record StepReport
{
    public required Cursor Cursor { get; init; }
    /// <value>32 hexadecimal digits: hash of the whole state at version Step + 1; empty for an evaluation.</value>
    public string Ledger { get; init; } = "";
    /// <value>Mean loss over the samples of the step or of the validation data.</value>
    public double Loss { get; init; }
    public long Samples { get; init; }
    public double LearningRate { get; init; }
    /// <value>Evaluations only: one a slot, in slot order.</value>
    public IReadOnlyList<EvaluationPart> EvaluationParts { get; init; } = [];
    /// <value>Whose contribution of each slot counted.</value>
    public IReadOnlyList<string> SlotWorkers { get; init; } = [];
    /// <value>Slots of each group that was added; each slot of the step is in one.</value>
    public IReadOnlyList<int> GroupSizes { get; init; } = [];
    public int Accepted { get; init; }
    public int Duplicate { get; init; }
    public int Stale { get; init; }
    public int Refused { get; init; }
    public int Mismatched { get; init; }
    /// <value>Blocks of which some slot exceeded the expected range.</value>
    public int EscapedBlocks { get; init; }
    /// <value>Slots that were granted to workers since the report before.</value>
    public long Granted { get; init; }
    /// <value>Of these, slots that had been granted before.</value>
    public long GrantedAgain { get; init; }
    /// <value>Slots that were taken back from a worker which had not begun them.</value>
    public long Revoked { get; init; }
    /// <value>First contribution in → last contribution in, milliseconds.</value>
    public double GatherMs { get; init; }
    /// <value>Last contribution in → version Step + 1 computed on all shards, milliseconds.</value>
    public double UpdateMs { get; init; }
    /// <value>Sync latency of version Step: last contribution to the step before in → version held, the longest of the workers that contributed, milliseconds; 0: not measured.</value>
    public double SyncMs { get; init; }
    /// <value>By worker, the mean time of its newest slots, milliseconds; of those that waited for the next version meanwhile and had computed any since the one before.</value>
    public IReadOnlyDictionary<string, double> SlotMs { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);
    /// <value>A checkpoint of version Step + 1 is cut.</value>
    public bool Checkpoint { get; init; }
    /// <value>The newest version of which a whole set is on disk; -1: none.</value>
    public long DurableVersion { get; init; } = -1;
    /// <value>Why a checkpoint since the report before could not be written; empty: all could.</value>
    public string CheckpointFailure { get; init; } = "";
    /// <value>Milliseconds that checkpoints held training up since the report before, the longest of the shards: copying the state, and waiting for the write before.</value>
    public double CheckpointBlockedMs { get; init; }
    /// <value>Milliseconds that the longest write of a part took that ended since the report before; training went on meanwhile.</value>
    public double CheckpointWriteMs { get; init; }
    /// <value>The ledger line that this step gave at first, where it was repeated and this one differs: an alarm. Otherwise empty.</value>
    public string FirstLedger { get; init; } = "";
    /// <value>Evaluations only: what is best with this one; null: the job keeps its last version.</value>
    public BestState? Best { get; init; }
    public bool Finished { get; init; }

    /// <value>The version that it tells of: the one that a step made, or that was evaluated.</value>
    [JsonIgnore]
    public long Version => Cursor.Attempt == Cursor.Evaluation ? Cursor.Step : Cursor.Step + 1;

    // The loss of a model that diverges is a number like any other here, and what became of it must reach the one who watches.
    private static readonly JsonSerializerOptions Json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Json);

    /// <exception cref="JsonException">It is no report.</exception>
    public static StepReport FromJson(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize<StepReport>(json, Json) ?? throw new JsonException("The report is null.");
}
