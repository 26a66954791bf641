using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Runs;

namespace Lockstep.Engine.Chaos;

/// <summary>What a disturbed run came to beside the quiet one.</summary>
/// <param name="SameLedger">Both finished, with the same hash after every step.</param>
/// <param name="Faults">Those that happened before the last step was done, in order of time.</param>
/// <param name="RecoveryMs">From a fault to the next step that was published, milliseconds.</param>
/// <param name="StepsRepeated">Of the disturbed run.</param>
/// <param name="Goodput">Of the disturbed run, as its summary has it: the part of its time that went to steps and evaluations that counted.</param>
public sealed record ChaosVerdict(bool SameLedger, IReadOnlyList<FiredFault> Faults, Percentiles RecoveryMs, long StepsRepeated, double Goodput)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
    };

    /// <value>Of each fault; null: no step followed.</value>
    [JsonIgnore]
    public IReadOnlyList<double?> Recoveries { get; init; } = [];

    /// <value>Of each fault, what the job and the fleet said of its target afterwards.</value>
    [JsonIgnore]
    public IReadOnlyList<IReadOnlyList<string>> Said { get; init; } = [];

    /// <value>Faults that came after the last step, where they cannot show anything.</value>
    [JsonIgnore]
    public IReadOnlyList<FiredFault> Late { get; init; } = [];

    /// <value>Faults that were planned and did not happen; none where the plan had no end.</value>
    [JsonIgnore]
    public IReadOnlyList<Fault> Missed { get; init; } = [];

    /// <value>What <see cref="SameLedger"/> follows from.</value>
    [JsonIgnore]
    public LedgerComparison Ledgers { get; init; } = new(0, null);

    public string ToJson() => JsonSerializer.Serialize(this, Options);
}
