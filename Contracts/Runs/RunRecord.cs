using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Runs;

/// <summary>One line of metrics.jsonl, and the data of one event of a job: a step or an evaluation.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(StepRecord), "step")]
[JsonDerivedType(typeof(EvaluationRecord), "evaluation")]
public abstract record RunRecord
{
    // A model that diverges has losses that are no finite numbers.
    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        AllowOutOfOrderMetadataProperties = true,
    };

    /// <value>Updates that were done: the version after the step, or the one that was evaluated.</value>
    public required long Step { get; init; }
    /// <value>Seconds since the run began; a resumed run counts on.</value>
    public double Seconds { get; init; }
    /// <value>Mean over the samples.</value>
    public required double Loss { get; init; }
    public required long Samples { get; init; }
    /// <value>Seconds since the record before by the word of each <see cref="TimeUse"/> that they went to; what is not known yet stands in a later record.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? Time { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    public JsonElement ToElement() => JsonSerializer.SerializeToElement(this, Options);

    /// <exception cref="JsonException">The text is no such record.</exception>
    public static RunRecord FromJson(string json) => JsonSerializer.Deserialize<RunRecord>(json, Options) ?? throw new JsonException("It is null.");

    /// <exception cref="JsonException">The element is no such record.</exception>
    public static RunRecord FromElement(JsonElement element) => element.Deserialize<RunRecord>(Options) ?? throw new JsonException("It is null.");
}

/// <summary>One optimizer update. Times are in milliseconds.</summary>
public sealed record StepRecord : RunRecord
{
    /// <value>Passes over the data, with their fraction.</value>
    public required double Epoch { get; init; }
    public required double LearningRate { get; init; }
    /// <value>From the step before until this one, but for the time in which the job was paused.</value>
    public required double StepMs { get; init; }
    /// <value>First contribution in → last contribution in.</value>
    public required double BarrierMs { get; init; }
    /// <value>Last contribution in → next version held by the workers; 0: not measured.</value>
    public required double SyncMs { get; init; }
    /// <value>Last contribution in → next version computed on all shards.</value>
    public required double UpdateMs { get; init; }
    /// <value>Slots whose contribution counted, by worker.</value>
    public required IReadOnlyDictionary<string, int> SlotsByWorker { get; init; }
    /// <value>That belong to the job, whether they took part or not; null in records that are older than it.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Workers { get; init; }
    /// <value>That the scaling policy, or a person, wants for the job; null: nobody says, as where their number is fixed.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? WantedWorkers { get; init; }
    /// <value>Slots of each group that was added; each slot of the step is in one.</value>
    public required IReadOnlyList<int> GroupSizes { get; init; }
    public int Accepted { get; init; }
    public int Duplicate { get; init; }
    public int Stale { get; init; }
    public int Refused { get; init; }
    public int Mismatched { get; init; }
    /// <value>Blocks of which some slot exceeded the expected range.</value>
    public int EscapedBlocks { get; init; }
    /// <value>Slots granted to workers.</value>
    public long Granted { get; init; }
    /// <value>Of these, slots that had been granted before.</value>
    public long GrantedAgain { get; init; }
    /// <value>Slots taken back from a worker that had not begun them.</value>
    public long Revoked { get; init; }
    /// <value>Grows when the job goes back to a checkpoint.</value>
    public int Generation { get; init; }
    /// <value>Steps since the step before that had been done already.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long StepsRepeated { get; init; }
}

/// <summary>The validation of one version.</summary>
public sealed record EvaluationRecord : RunRecord
{
    /// <value>By metric, loss among them.</value>
    public required IReadOnlyDictionary<string, double> Validation { get; init; }
    /// <value>Null: there is no more to say.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public EvaluationDetails? ValidationDetails { get; init; }
    /// <value>Of the evaluations so far; null: the job has no <see cref="Jobs.BestSpec"/>.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BestRecord? Best { get; init; }
}

/// <summary>The best evaluated version.</summary>
/// <param name="Metric">That it is the best by.</param>
/// <param name="Step">Null: of none can the metric be had.</param>
/// <param name="Value">Null: as Step.</param>
/// <param name="Waited">Evaluations since patience began anew.</param>
public sealed record BestRecord(string Metric, long? Step, double? Value, int Waited);

/// <summary>One line of ledger.jsonl: the hash of the whole state after a step. Equal runs have equal files.</summary>
/// <param name="Step">Updates that were done.</param>
/// <param name="Hash">32 hexadecimal digits.</param>
/// <param name="Class">Determinism class of this step and those after it: set on the first line of the ledger, and where a run went on in another class; null: as the line before.</param>
public sealed record LedgerLine(long Step, string Hash, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Class = null)
{
    public string ToJson() => JsonSerializer.Serialize(this, RunRecord.Options);

    /// <exception cref="JsonException">The text is no such line.</exception>
    public static LedgerLine FromJson(string json) =>
        JsonSerializer.Deserialize<LedgerLine>(json, RunRecord.Options) is { Hash.Length: 32 } line && line.Hash.All(char.IsAsciiHexDigitLower) ? line : throw new JsonException("It has no hash of 32 digits.");

    /// <returns>Null: the text is no such line, as one that was torn by a crash.</returns>
    public static LedgerLine? TryFromJson(string json)
    {
        try
        {
            return FromJson(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
