using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Jobs;

/// <summary>What a sample counts in the loss, by its class.</summary>
/// <param name="ByClass">By the class's name: above 0, and 1 for those that are not named; null: balanced, so that all classes of the training rows count alike in sum.</param>
[JsonConverter(typeof(ClassWeightsConverter))]
public sealed record ClassWeights(IReadOnlyDictionary<string, double>? ByClass)
{
    /// <summary>In a job file, instead of numbers by class.</summary>
    public const string Balanced = "balanced";

    public const double Largest = 1e6;
}

/// <summary>As in a job file: a word, or numbers by class.</summary>
internal sealed class ClassWeightsConverter : JsonConverter<ClassWeights>
{
    public override ClassWeights Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(ClassWeights.Balanced))
        {
            return new ClassWeights(null);
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException($"Class weights are neither '{ClassWeights.Balanced}' nor numbers by class.");
        }

        var weights = new SortedDictionary<string, double>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            weights[name] = reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out double weight) ? weight : throw new JsonException($"The weight of class '{name}' is no number.");
        }

        return new ClassWeights(weights);
    }

    public override void Write(Utf8JsonWriter writer, ClassWeights value, JsonSerializerOptions options)
    {
        if (value.ByClass is null)
        {
            writer.WriteStringValue(ClassWeights.Balanced);
            return;
        }

        writer.WriteStartObject();
        foreach ((string name, double weight) in value.ByClass.OrderBy(w => w.Key, StringComparer.Ordinal))
        {
            writer.WriteNumber(name, weight);
        }

        writer.WriteEndObject();
    }
}
