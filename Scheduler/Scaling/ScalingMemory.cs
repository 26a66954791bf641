using System.Text.Json;

namespace Lockstep.Scheduler.Scaling;

/// <summary>What the policy goes by, as the next scheduler is to find it.</summary>
/// <param name="Desired">The last decision.</param>
/// <param name="Reason">Its reason.</param>
/// <param name="Jobs">By id.</param>
internal sealed record ScalingMemory(int Desired, string Reason, IReadOnlyDictionary<string, JobScalingMemory> Jobs)
{
    public string ToJson() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <returns>Null: there is nothing, or nothing that can be read.</returns>
    public static ScalingMemory? FromJson(string? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize<ScalingMemory>(json, Strict);
        }
        catch (JsonException)
        {
            // Measured again in a minute: no reason for a scheduler not to start.
            return null;
        }
    }

    private static JsonSerializerOptions Strict { get; } = new(JsonSerializerOptions.Web) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };
}

/// <param name="Speeds">Measured samples a second, by number of workers.</param>
/// <param name="Target">What the policy wanted last; 0: nothing yet.</param>
/// <param name="Since">When that was decided.</param>
/// <param name="Retreated">When a larger number was last given up; null: never.</param>
internal sealed record JobScalingMemory(IReadOnlyDictionary<int, double> Speeds, int Target, DateTimeOffset Since, DateTimeOffset? Retreated);
