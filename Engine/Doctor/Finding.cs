using System.Text.Json.Serialization;

namespace Lockstep.Engine.Doctor;

[JsonConverter(typeof(JsonStringEnumConverter<FindingKind>))]
public enum FindingKind
{
    Good = 1,
    /// <summary>Something will not work, or not well, that not every run needs.</summary>
    Warning = 2,
    /// <summary>No run will work.</summary>
    Fault = 3,
}

/// <summary>What was found out about a machine.</summary>
/// <param name="Remedy">Empty where nothing is wrong.</param>
public sealed record Finding(string Subject, FindingKind Kind, string Text, string Remedy = "");
