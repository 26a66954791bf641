using System.Text.Json;

namespace Lockstep.Contracts.Tools;

/// <summary>How far a tool is, for people: a line of its output, before what it was asked for.</summary>
public sealed record ToolProgress(string Progress)
{
    private const string Start = "{\"progress\":";

    public string ToJson() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <returns>Null: the line is something else.</returns>
    public static ToolProgress? Find(string line) => line.StartsWith(Start, StringComparison.Ordinal) ? JsonSerializer.Deserialize<ToolProgress>(line, JsonSerializerOptions.Web) : null;
}
