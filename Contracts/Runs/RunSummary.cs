using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Runs;

/// <summary>summary.json: what a run came to. Times are in milliseconds unless they say otherwise.</summary>
public sealed record RunSummary
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public required string Job { get; init; }
    /// <value>finished, failed or cancelled.</value>
    public required string State { get; init; }
    public string? Error { get; init; }
    public required long Steps { get; init; }
    public required double Epochs { get; init; }
    /// <value>Workers whose contributions counted.</value>
    public required int Workers { get; init; }
    public required int Shards { get; init; }
    public required int Slots { get; init; }
    public required double Seconds { get; init; }
    public required double SamplesPerSecond { get; init; }
    /// <value>Mean over the samples of the last epoch's steps.</value>
    public required double TrainLoss { get; init; }
    /// <value>By metric, loss among them; empty without validation data. Of the version that the model file holds.</value>
    public required IReadOnlyDictionary<string, double> Validation { get; init; }
    /// <value>Of the same; null: there is no more to say.</value>
    public EvaluationDetails? ValidationDetails { get; init; }
    /// <value>The version that the model file holds; null: it holds the last one, as the job has no <see cref="Jobs.BestSpec"/>, or its metric could not be had.</value>
    public BestSummary? Best { get; init; }
    /// <value>It ended before its last step, as nothing was better any more.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool StoppedEarly { get; init; }
    /// <value>What the losses say of the learning rate, with what to do about it; null: nothing.</value>
    public IReadOnlyList<string>? Warnings { get; init; }
    /// <value>Over all parameters and buffers in ordinal order of their names, little-endian float32; null where the run did not finish.</value>
    public string? ParametersSha256 { get; init; }
    public string? DeterminismClass { get; init; }
    public required IReadOnlyDictionary<string, long> SlotsByWorker { get; init; }
    /// <value>Accepted groups by their number of slots.</value>
    public required IReadOnlyDictionary<string, long> GroupSizes { get; init; }
    public required GrantSummary Grants { get; init; }
    public required ContributionSummary Contributions { get; init; }
    public required Percentiles StepMs { get; init; }
    /// <value>Sync latency: last contribution in → next version held by the worker.</value>
    public required Percentiles SyncMs { get; init; }
    /// <value>First contribution in → last contribution in.</value>
    public required Percentiles BarrierMs { get; init; }
    /// <value>Steps that were done again: after a shard had lost its state, and those that a resumed run had beyond its checkpoint.</value>
    public long StepsRepeated { get; init; }
    /// <value>Null in summaries that are older than it.</value>
    public TimeSummary? Time { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <exception cref="JsonException">The text is no such summary.</exception>
    public static RunSummary FromJson(string json) => JsonSerializer.Deserialize<RunSummary>(json, Options) ?? throw new JsonException("It is null.");
}

public sealed record BestSummary(string Metric, long Step, double Value);

public sealed record GrantSummary(long Granted, long Again, long Revoked);

public sealed record ContributionSummary(long Accepted, long Duplicate, long Stale, long Refused, long Mismatched);

/// <summary>Nearest-rank percentiles; 0 without values.</summary>
public sealed record Percentiles(double P50, double P95)
{
    /// <param name="values">In any order.</param>
    public static Percentiles Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return new(At(0.5), At(0.95));

        double At(double fraction) => sorted.Length == 0 ? 0 : Math.Round(sorted[Math.Max(0, (int)Math.Ceiling(fraction * sorted.Length) - 1)], 3);
    }
}
