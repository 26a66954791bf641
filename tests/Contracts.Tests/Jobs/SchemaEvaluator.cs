using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lockstep.Contracts.Tests.Jobs;

/// <summary>Evaluates the keywords of JSON Schema (draft 2020-12) that job files' schema has; another keyword is an error.</summary>
internal static class SchemaEvaluator
{
    public static bool Accepts(JsonElement schema, JsonElement value) => new Evaluation(schema).Accepts(schema, value);
}

/// <param name="root">Has what references point to.</param>
internal sealed class Evaluation(JsonElement root)
{
    private static readonly string[] Annotations = ["$schema", "$defs", "title", "description", "default"];

    public bool Accepts(JsonElement schema, JsonElement value) => schema.EnumerateObject().All(keyword => Annotations.Contains(keyword.Name) || Holds(keyword, schema, value));

    private bool Holds(JsonProperty keyword, JsonElement schema, JsonElement value)
    {
        JsonElement limit = keyword.Value;
        bool isNumber = value.ValueKind == JsonValueKind.Number, isObject = value.ValueKind == JsonValueKind.Object, isArray = value.ValueKind == JsonValueKind.Array;
        return keyword.Name switch
        {
            "type" => limit.ValueKind == JsonValueKind.Array ? limit.EnumerateArray().Any(t => HasType(t.GetString()!, value)) : HasType(limit.GetString()!, value),
            "enum" => limit.EnumerateArray().Any(v => JsonElement.DeepEquals(v, value)),
            "$ref" => Accepts(limit.GetString()!.Split('/')[1..].Aggregate(root, (at, name) => at.GetProperty(name)), value),
            "const" => JsonElement.DeepEquals(limit, value),
            "anyOf" => limit.EnumerateArray().Any(s => Accepts(s, value)),
            "oneOf" => limit.EnumerateArray().Count(s => Accepts(s, value)) == 1,
            "required" => !isObject || limit.EnumerateArray().All(k => value.TryGetProperty(k.GetString()!, out _)),
            "properties" => !isObject || limit.EnumerateObject().All(p => !value.TryGetProperty(p.Name, out JsonElement child) || Accepts(p.Value, child)),
            "additionalProperties" when limit.ValueKind == JsonValueKind.Object => !isObject || value.EnumerateObject().All(p => Accepts(limit, p.Value)),
            "additionalProperties" => !isObject || limit.GetBoolean() || value.EnumerateObject().All(p => schema.GetProperty("properties").TryGetProperty(p.Name, out _)),
            "items" => !isArray || value.EnumerateArray().All(item => Accepts(limit, item)),
            "minItems" => !isArray || value.GetArrayLength() >= limit.GetInt32(),
            "pattern" => value.ValueKind != JsonValueKind.String || Regex.IsMatch(value.GetString()!, limit.GetString()!, RegexOptions.ECMAScript, TimeSpan.FromSeconds(1)),
            "minimum" => !isNumber || value.GetDouble() >= limit.GetDouble(),
            "maximum" => !isNumber || value.GetDouble() <= limit.GetDouble(),
            "exclusiveMinimum" => !isNumber || value.GetDouble() > limit.GetDouble(),
            "exclusiveMaximum" => !isNumber || value.GetDouble() < limit.GetDouble(),
            _ => throw new InvalidOperationException($"The schema has the keyword {keyword.Name}."),
        };
    }

    private static bool HasType(string type, JsonElement value) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "string" => value.ValueKind == JsonValueKind.String,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.GetDouble() % 1 == 0,
        _ => throw new InvalidOperationException($"There is no type {type}."),
    };
}
