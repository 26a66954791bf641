using System.Text.Json;

namespace Lockstep.Contracts.Tools;

/// <summary>Compute a few slots of a job twice. Writes a <see cref="PurityReport"/>. Exit codes: 0 computed, 2 bad input.</summary>
/// <param name="Job">File with the job as canonical JSON.</param>
/// <param name="Cache">Folder for data as rows.</param>
/// <param name="Reversed">In the other order.</param>
public sealed record PurityRequest(string Job, string Cache, bool Reversed)
{
    public string ToJson() => JsonSerializer.Serialize(this);
}

/// <summary>What slots came to in one process.</summary>
/// <param name="Initial">By tensor: a hash of its bits at version 0.</param>
/// <param name="Slots">In the order in which they were computed.</param>
public sealed record PurityReport(IReadOnlyDictionary<string, string> Initial, IReadOnlyList<ComputedSlot> Slots)
{
    public string ToJson() => JsonSerializer.Serialize(this);

    /// <exception cref="JsonException">The text is no report.</exception>
    public static PurityReport FromJson(string json) => JsonSerializer.Deserialize<PurityReport>(json) ?? throw new JsonException("The report is null.");
}

/// <param name="Bits">By tensor, and for <c>loss</c> and <c>metrics</c>: a hash of its bits.</param>
public sealed record ComputedSlot(long Step, int Slot, IReadOnlyDictionary<string, string> Bits);
