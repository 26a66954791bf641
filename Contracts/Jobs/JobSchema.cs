using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lockstep.Contracts.Jobs;

/// <summary>The JSON Schema of job files, made from the keys that the reader checks against.</summary>
public static class JobSchema
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>JSON Schema, draft 2020-12. What concerns several keys at once (such as slots and globalBatch) only the reader checks.</summary>
    public static string Json()
    {
        JsonObject job = Map(JobKeys.Job);
        job.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        job.Insert(1, "title", "Lockstep job");
        job["oneOf"] = new JsonArray(RequiredOnly("epochs"), RequiredOnly("steps"));
        ((JsonObject)job["properties"]!["model"]!)["oneOf"] = new JsonArray(RequiredOnly("preset"), RequiredOnly("layers"), RequiredOnly("name"));
        job["$defs"] = new JsonObject { ["layer"] = Layer() };
        ((JsonObject)job["properties"]!["data"]!)["oneOf"] = new JsonArray(new JsonObject { ["required"] = new JsonArray("format", "train") }, RequiredOnly("source"));
        return job.ToJsonString(Indented);
    }

    private static JsonObject RequiredOnly(string key) => new() { ["required"] = new JsonArray(key) };

    private static JsonObject Value(JobKey key)
    {
        JsonObject value = key.Kind switch
        {
            ValueKind.Text => new() { ["type"] = new JsonArray("string", "integer"), ["pattern"] = key.Pattern ?? ".+" },
            ValueKind.Whole when key.Choices.Count > 0 => new() { ["enum"] = new JsonArray([.. key.Choices.Select(choice => JsonValue.Create(choice))]) },
            ValueKind.Whole => Number(key, "integer"),
            ValueKind.Number => Number(key, "number"),
            ValueKind.Flag => new() { ["type"] = "boolean" },
            ValueKind.Word => Words(key.Words),
            ValueKind.List => List(Value(key.Items!), key.NotEmpty),
            ValueKind.Layer => new() { ["$ref"] = "#/$defs/layer" },
            ValueKind.Options => new() { ["type"] = "object", ["additionalProperties"] = new JsonObject { ["type"] = new JsonArray("string", "number", "boolean") } },
            ValueKind.Weights => new() { ["anyOf"] = new JsonArray(Words([ClassWeights.Balanced]), new JsonObject { ["type"] = "object", ["additionalProperties"] = Number(key, "number") }) },
            _ => Map(key),
        };
        if (key.Meaning.Length > 0)
        {
            value["description"] = key.Meaning;
        }

        if (key.Default is { } text)
        {
            value["default"] = key.Kind switch
            {
                ValueKind.Whole => long.Parse(text, CultureInfo.InvariantCulture),
                ValueKind.Number => double.Parse(text, CultureInfo.InvariantCulture),
                ValueKind.Flag => bool.Parse(text),
                _ => text,
            };
        }

        return value;
    }

    private static JsonObject Words(IEnumerable<string> words) => new() { ["enum"] = new JsonArray([.. words.Select(w => JsonValue.Create(w))]) };

    // One value is a list of one.
    private static JsonObject List(JsonObject item, bool notEmpty) => new() { ["anyOf"] = new JsonArray(new JsonObject { ["type"] = "array", ["minItems"] = notEmpty ? 1 : 0, ["items"] = item }, item.DeepClone()) };

    private static JsonObject Layer()
    {
        JobKey key = JobKeys.Layer;
        var maps = new JsonArray();
        foreach (LayerKind kind in Enum.GetValues<LayerKind>())
        {
            LayerForm form = LayerForms.Of(kind);
            JsonObject map = Map(key with { Meaning = form.Meaning, Keys = [.. key.Keys.Where(k => k.Name == "kind" || form.Keys.Contains(k.Name)).Select(k => k with { Required = k.Required || form.Required.Contains(k.Name) })] });
            ((JsonObject)map["properties"]!)["kind"] = new JsonObject { ["const"] = JobWords.Of(kind) };
            maps.Add(map);
        }

        return new() { ["anyOf"] = new JsonArray(Words(Enum.GetValues<LayerKind>().Where(kind => LayerForms.Of(kind).Required.Count == 0).Select(JobWords.Of)), new JsonObject { ["oneOf"] = maps }) };
    }

    private static JsonObject Map(JobKey key)
    {
        var properties = new JsonObject();
        foreach (JobKey child in key.Keys)
        {
            properties[child.Name] = Value(child);
        }

        var map = new JsonObject { ["type"] = "object", ["description"] = key.Meaning, ["properties"] = properties, ["additionalProperties"] = false };
        string[] required = [.. key.Keys.Where(k => k.Required).Select(k => k.Name)];
        if (required.Length > 0)
        {
            map["required"] = new JsonArray([.. required.Select(r => JsonValue.Create(r))]);
        }

        return map;
    }

    private static JsonObject Number(JobKey key, string type)
    {
        var value = new JsonObject { ["type"] = type };
        if (!double.IsInfinity(key.Minimum))
        {
            value[key.AboveMinimum ? "exclusiveMinimum" : "minimum"] = key.Minimum;
        }

        if (!double.IsInfinity(key.Maximum))
        {
            value[key.BelowMaximum ? "exclusiveMaximum" : "maximum"] = key.Maximum;
        }

        return value;
    }
}
