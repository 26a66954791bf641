using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Faults;

/// <summary>One fault that a run shall meet.</summary>
public sealed record Fault(FaultKind Kind, FaultTime At)
{
    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
    };

    /// <value>Name of a process, such as <c>worker-0</c> or <c>ps-0</c>; null: nobody in particular.</value>
    public string? Target { get; init; }

    /// <value>Seconds that it lasts, where it lasts.</value>
    public double Duration { get; init; }

    /// <value>Scale: how many workers there shall be; null: drawn.</value>
    public int? Workers { get; init; }

    /// <value>Faults of messages: fraction of the calls that meet it, above 0 and at most 1.</value>
    public double Share { get; init; } = 1;

    /// <value>Faults of messages: the shard at the other end; null: all of them.</value>
    public int? Shard { get; init; }

    public PartitionSide Side { get; init; } = PartitionSide.Both;

    /// <value>Where a schedule has it, from 1; 0: in none.</value>
    [JsonIgnore]
    public int Line { get; init; }

    /// <value>Seeds what is left to chance while it lasts.</value>
    public ulong Seed { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <exception cref="JsonException">The text is no fault.</exception>
    public static Fault FromJson(string json) => JsonSerializer.Deserialize<Fault>(json, Options) ?? throw new JsonException("It is null.");

    public override string ToString() => Target is null ? JobWords.Of(Kind) : $"{JobWords.Of(Kind)} {Target}";
}

/// <summary>When a fault shall happen, by time or by step.</summary>
/// <param name="Seconds">Since the first step was published.</param>
/// <param name="Step">Once so many steps are done; with a phase: in the step that begins there.</param>
/// <param name="Phase">Of a step of the process.</param>
public sealed record FaultTime(double? Seconds, long? Step, FaultPhase? Phase);

/// <summary>A fault that happened.</summary>
/// <param name="At">Seconds since the first step was published, steps that were done by then (by what the command had heard), and the phase where it was bound to one.</param>
public sealed record FiredFault(FaultKind Kind, FaultTime At, string Target);
