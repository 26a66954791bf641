using System.Text.Json;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>What is done to each feature: a missing value is replaced, then (x − Offset) · Factor. Stored with the model.</summary>
/// <param name="Fill">Value for missing ones, by feature.</param>
/// <param name="Features">By feature: names; empty for images.</param>
/// <param name="ClassNames">Texts of the classes; empty where they were numbers.</param>
public sealed record NormalizationTable(NormalizationKind Kind, float[] Fill, float[] Offset, float[] Factor, string[] Features, string[] ClassNames)
{
    /// <summary>JSON, for the model file.</summary>
    public string ToMetadata() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <exception cref="JsonException">The text is no such table.</exception>
    public static NormalizationTable FromMetadata(string json) => JsonSerializer.Deserialize<NormalizationTable>(json, JsonSerializerOptions.Web) ?? throw new JsonException("The normalisation is null.");

    /// <summary>Normalises one sample in place.</summary>
    internal void Apply(Span<float> features)
    {
        for (int i = 0; i < features.Length; i++)
        {
            float value = float.IsNaN(features[i]) ? Fill[i] : features[i];
            features[i] = (value - Offset[i]) * Factor[i];
        }
    }
}
