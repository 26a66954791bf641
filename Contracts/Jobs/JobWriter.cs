using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Lockstep.Contracts.Jobs;

/// <summary>Writes a job as a job file that reads as the same job. What has its default value is left out.</summary>
public static class JobWriter
{
    public static string ToYaml(JobSpec job)
    {
        var plain = new JobSpec { Name = "", Model = new ModelSpec(), Data = new DataSpec { Format = DataFormat.Csv, Train = "" }, Loss = LossKind.Mse };
        JsonObject values = Node(job), defaults = Node(plain);
        // These have none.
        defaults.Remove("loss");
        ((JsonObject)defaults["data"]!).Remove("format");
        // The maximum's default follows the minimum, so the two are written together.
        bool workers = job.Workers != plain.Workers;
        RemoveEqual(values, defaults);
        if (job.Data.Format == DataFormat.Source)
        {
            ((JsonObject)values["data"]!).Remove("format");
        }

        if (workers)
        {
            values["workers"] = new JsonObject { ["min"] = job.Workers.Min, ["max"] = job.Workers.Max };
        }

        foreach (string key in (string[])["train", "trainLabels", "validation", "validationLabels"])
        {
            // One key in the file names all.
            if (values["data"] is JsonObject data && data[key + "More"] is JsonArray more)
            {
                data.Remove(key + "More");
                data[key] = new JsonArray([data[key]!.DeepClone(), .. more.Select(path => path!.DeepClone())]);
            }
        }

        RemoveLines(values["model"]);
        using var text = new StringWriter();
        var emitter = new Emitter(text, new EmitterSettings().WithIndentedSequences());
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart());
        Emit(emitter, values);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private static JsonObject Node(JobSpec job) => (JsonObject)JsonSerializer.SerializeToNode(job, JobFile.Json)!;

    private static void RemoveEqual(JsonObject values, JsonObject defaults)
    {
        foreach ((string key, JsonNode? value) in values.ToArray())
        {
            if (!defaults.TryGetPropertyValue(key, out JsonNode? other))
            {
                continue;
            }

            if (value is JsonObject map && other is JsonObject plain)
            {
                RemoveEqual(map, plain);
                if (map.Count == 0)
                {
                    values.Remove(key);
                }
            }
            else if (JsonNode.DeepEquals(value, other))
            {
                values.Remove(key);
            }
        }
    }

    /// <summary>Lines of layers, within layers too, are those of the file that was read.</summary>
    private static void RemoveLines(JsonNode? node)
    {
        if (node is JsonObject map)
        {
            if (map.ContainsKey("kind"))
            {
                map.Remove("line");
            }

            foreach ((_, JsonNode? value) in map)
            {
                RemoveLines(value);
            }
        }
        else if (node is JsonArray list)
        {
            foreach (JsonNode? item in list)
            {
                RemoveLines(item);
            }
        }
    }

    /// <summary>Whether a text can stand without quotes: names, numbers and usual paths.</summary>
    private static bool IsPlain(string text) =>
        text.Length > 0 && (char.IsAsciiLetterOrDigit(text[0]) || text[0] == '/') && text.All(c => char.IsAsciiLetterOrDigit(c) || "_-./".Contains(c)) && text is not ("null" or "Null" or "NULL");

    private static void Emit(Emitter emitter, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                emitter.Emit(new MappingStart());
                foreach ((string key, JsonNode? value) in map)
                {
                    Emit(emitter, key);
                    Emit(emitter, value);
                }

                emitter.Emit(new MappingEnd());
                break;
            case JsonArray list:
                emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, list.Any(i => i is JsonObject) ? SequenceStyle.Block : SequenceStyle.Flow));
                foreach (JsonNode? item in list)
                {
                    Emit(emitter, item);
                }

                emitter.Emit(new SequenceEnd());
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                Emit(emitter, value.GetValue<string>());
                break;
            default:
                emitter.Emit(new Scalar(node!.ToJsonString()));
                break;
        }
    }

    private static void Emit(Emitter emitter, string text) =>
        emitter.Emit(new Scalar(AnchorName.Empty, TagName.Empty, text, IsPlain(text) ? ScalarStyle.Plain : ScalarStyle.DoubleQuoted, isPlainImplicit: true, isQuotedImplicit: true));
}
