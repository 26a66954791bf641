using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Services;

/// <summary>What a job failed of, where a client acts on it.</summary>
[JsonConverter(typeof(FailureCauseConverter))]
public enum FailureCause
{
    /// <summary>The job or its data are at fault: its error tells place, value and remedy.</summary>
    Input = 1,
    /// <summary>A loss or a gradient is not a finite number.</summary>
    NotFinite = 2,
}

/// <summary>Writes a cause as a word, such as <c>not-finite</c>; reads numbers too.</summary>
public sealed class FailureCauseConverter() : JsonStringEnumConverter<FailureCause>(JsonNamingPolicy.KebabCaseLower);
