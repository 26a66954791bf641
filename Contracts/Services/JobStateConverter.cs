using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Services;

/// <summary>Writes a state as a word, such as <c>running</c>; reads numbers too.</summary>
public sealed class JobStateConverter() : JsonStringEnumConverter<JobState>(JsonNamingPolicy.KebabCaseLower);
