using System.Text.Json;
using System.Text.RegularExpressions;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class JobSchemaTests
{
    private static readonly JsonElement Schema = JsonDocument.Parse(JobSchema.Json()).RootElement;

    [Fact]
    public void Says_which_draft_it_is_and_what_is_required()
    {
        Assert.Equal("https://json-schema.org/draft/2020-12/schema", Schema.GetProperty("$schema").GetString());
        Assert.Equal(["name", "model", "data", "loss"], Texts(Schema.GetProperty("required")));
        Assert.Equal(["epochs", "steps"], Schema.GetProperty("oneOf").EnumerateArray().Select(o => Texts(o.GetProperty("required")).Single()));
    }

    [Theory]
    [InlineData("", "zzzzzzzz=1")]
    [InlineData("model", "model.zzzzzzzz=1")]
    [InlineData("data", "data.zzzzzzzz=1")]
    [InlineData("optimizer", "optimizer.zzzzzzzz=1")]
    [InlineData("schedule", "schedule.zzzzzzzz=1")]
    [InlineData("workers", "workers.zzzzzzzz=1")]
    [InlineData("checkpoint", "checkpoint.zzzzzzzz=1")]
    public void Its_keys_are_those_that_the_reader_knows(string map, string unknown)
    {
        InputError error = JobText.Errors(JobText.Plain, unknown).First(e => e.Message.StartsWith("There is no key 'zzzzzzzz'", StringComparison.Ordinal));
        JsonElement place = map.Length == 0 ? Schema : Schema.GetProperty("properties").GetProperty(map);
        Assert.Equal(error.Remedy, $"The keys are {string.Join(", ", Keys(place))}.");
        Assert.False(place.GetProperty("additionalProperties").GetBoolean());
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_layers_keys_are_those_that_the_reader_knows(string kind)
    {
        Assert.Equal("#/$defs/layer", Schema.GetProperty("properties").GetProperty("model").GetProperty("properties").GetProperty("layers").GetProperty("anyOf")[0].GetProperty("items").GetProperty("$ref").GetString());
        JsonElement item = Schema.GetProperty("$defs").GetProperty("layer");
        JsonElement map = Assert.Single(item.GetProperty("anyOf")[1].GetProperty("oneOf").EnumerateArray(), m => m.GetProperty("properties").GetProperty("kind").GetProperty("const").GetString() == kind);
        string[] keys = [.. Keys(map).Where(k => k != "kind")];

        // A kind stands alone where it needs no key.
        string[] required = [.. Texts(map.GetProperty("required")).Where(k => k != "kind")];
        Assert.Equal(required.Length == 0, Texts(item.GetProperty("anyOf")[0].GetProperty("enum")).Contains(kind));
        Assert.Equal(required, Missing($"model: {{layers: [{kind}]}}"));

        // Every key that a layer may have is either in the schema of this kind, or refused by the reader.
        string all = string.Join("", LayerKeys.Select(k => $", {k.Key}: {k.Value}"));
        string[] refused = [.. Refused($"model: {{layers: [{{kind: {kind}{all}}}]}}")];
        Assert.Equal(LayerKeys.Keys.Except(keys).Order(StringComparer.Ordinal), refused.Order(StringComparer.Ordinal));
    }

    public static TheoryData<string> Layers => [.. JobWords.All<LayerKind>()];

    private static readonly Dictionary<string, string> LayerKeys = new(StringComparer.Ordinal)
    {
        ["out"] = "1", ["kernel"] = "1", ["stride"] = "1", ["padding"] = "0", ["p"] = "0.5", ["epsilon"] = "0.1", ["momentum"] = "0.1", ["bias"] = "true",
        ["size"] = "1", ["heads"] = "1", ["causal"] = "true", ["depth"] = "1", ["hidden"] = "1", ["activation"] = "relu", ["normFirst"] = "true", ["bidirectional"] = "true", ["last"] = "true", ["groups"] = "1", ["fixed"] = "true",
        ["layers"] = "[relu]", ["shortcut"] = "[relu]", ["branches"] = "[[relu]]", ["join"] = "add",
    };

    [Fact]
    public void The_layer_keys_tried_here_are_all_there_are()
    {
        InputError error = Assert.Single(JobText.Errors(JobText.Changed("model:\n  preset: mlp", "model: {layers: [{kind: relu, zzzzzzzz: 1}]}")));
        Assert.Equal($"The keys are kind, {string.Join(", ", LayerKeys.Keys)}.", error.Remedy);
    }

    [Theory]
    [InlineData("loss", "loss=nope")]
    [InlineData("metrics", "metrics=nope")]
    [InlineData("data.format", "data.format=nope")]
    [InlineData("data.missing", "data.missing=nope")]
    [InlineData("data.normalize", "data.normalize=nope")]
    [InlineData("model.preset", "model.preset=nope")]
    [InlineData("optimizer.kind", "optimizer.kind=nope")]
    [InlineData("schedule.kind", "schedule.kind=nope")]
    public void Its_words_are_those_that_the_reader_takes(string path, string bad)
    {
        JsonElement at = Find(path);
        string[] words = Texts((at.TryGetProperty("anyOf", out JsonElement any) ? any[1] : at).GetProperty("enum"));
        InputError error = Assert.Single(JobText.Errors(JobText.Plain, bad));
        Assert.Equal($"Give one of {string.Join(", ", words)}.", error.Remedy);
    }

    [Fact]
    public void Its_limits_are_those_of_the_reader()
    {
        var seen = 0;
        foreach ((string path, JsonElement at) in Leaves("", Schema))
        {
            foreach (JsonProperty limit in at.EnumerateObject().Where(p => p.Name is "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum"))
            {
                // The limit itself where it is excluded, else the next number beyond it.
                double value = limit.Value.GetDouble();
                double bad = limit.Name switch { "minimum" => value - 1, "maximum" => value + Math.Max(1, value * 0.001), _ => value };
                string text = at.GetProperty("type").GetString() == "integer" ? new decimal(bad).ToString(System.Globalization.CultureInfo.InvariantCulture) : bad.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
                Assert.Contains(JobText.Errors(JobText.Plain, $"{path}={text}"), e => e.Message == $"'{path.Split('.')[^1]}' is '{text}'.");
                seen++;
            }
        }

        Assert.True(seen > 35, $"{seen} limits were tried.");
    }

    [Fact]
    public void Its_defaults_are_those_of_the_reader()
    {
        string plain = JobText.Canonical(JobText.Read(JobText.Plain));
        var seen = 0;
        foreach ((string path, JsonElement at) in Leaves("", Schema))
        {
            // What only goes with another kind cannot be written out here.
            if (at.TryGetProperty("default", out JsonElement value) && path is not ("model.strict" or "optimizer.momentum" or "optimizer.nesterov" or "schedule.gamma" or "schedule.finalFraction" or "data.text.tokenizer" or "data.image.fit" or "data.image.crop" or "data.image.flip" or "data.image.shift"))
            {
                Assert.Equal(plain, JobText.Canonical(JobText.Read(JobText.Plain, $"{path}={value.GetRawText()}")));
                seen++;
            }
        }

        Assert.True(seen > 15, $"{seen} defaults were tried.");
    }

    [Fact]
    public void It_accepts_a_job_with_every_key() => Assert.True(SchemaEvaluator.Accepts(Schema, JsonDocument.Parse(JobRoundTripTests.Json).RootElement));

    [Theory]
    [InlineData("\"name\": \"all-keys\",", "")]
    [InlineData("\"all-keys\"", "\"All Keys\"")]
    [InlineData("\"relu\"", "\"linaer\"")]
    [InlineData("\"relu\"", "[\"relu\"]")]
    [InlineData("\"out\": 4", "\"out\": 0")]
    [InlineData("\"p\": 0.25", "\"p\": 1")]
    [InlineData("\"p\": 0.25", "\"kernel\": 3")]
    [InlineData("\"labels\": 64", "\"labels\": []")]
    [InlineData("\"header\": false", "\"header\": \"no\"")]
    [InlineData("\"learningRate\": 0.002", "\"learningRate\": 0")]
    [InlineData("\"cosine\"", "\"cosinus\"")]
    [InlineData("\"steps\": 500", "\"steps\": 500, \"epochs\": 1")]
    [InlineData("\"steps\": 500,", "")]
    [InlineData("\"slots\": 6", "\"slots\": 6.5")]
    [InlineData("\"shards\": 2", "\"shard\": 2")]
    public void It_refuses_what_the_reader_refuses(string part, string replacement)
    {
        Assert.Contains(part, JobRoundTripTests.Json, StringComparison.Ordinal);
        string json = JobRoundTripTests.Json.Replace(part, replacement, StringComparison.Ordinal);
        Assert.Throws<InputException>(() => JobFile.Parse(json, "job.json", JobText.Folder, []));
        Assert.False(SchemaEvaluator.Accepts(Schema, JsonDocument.Parse(json).RootElement));
    }

    [Fact]
    public void Its_patterns_are_regular_expressions_that_the_samples_names_match()
    {
        var pattern = new Regex(Find("name").GetProperty("pattern").GetString()!, RegexOptions.ECMAScript, TimeSpan.FromSeconds(1));
        Assert.Matches(pattern, "fashion-mnist");
        Assert.DoesNotMatch(pattern, "Fashion");
    }

    private static IEnumerable<(string Path, JsonElement At)> Leaves(string path, JsonElement map)
    {
        foreach (JsonProperty property in map.GetProperty("properties").EnumerateObject())
        {
            string name = path.Length == 0 ? property.Name : $"{path}.{property.Name}";
            if (property.Value.TryGetProperty("properties", out _))
            {
                foreach ((string, JsonElement) leaf in Leaves(name, property.Value))
                {
                    yield return leaf;
                }
            }
            else
            {
                yield return (name, property.Value);
            }
        }
    }

    private static JsonElement Find(string path) => path.Split('.').Aggregate(Schema, (at, key) => at.GetProperty("properties").GetProperty(key));

    private static IEnumerable<string> Refused(string model) => KeysOf(JobText.Errors(JobText.Changed("model:\n  preset: mlp", model)), "layer has no '(?<key>[a-zA-Z]+)'");

    private static string[] Missing(string model)
    {
        string text = JobText.Changed("model:\n  preset: mlp", model);
        try
        {
            JobText.Read(text);
            return [];
        }
        catch (InputException exception)
        {
            return [.. KeysOf(exception.Errors, "layer needs '(?<key>[a-zA-Z]+)'")];
        }
    }

    private static IEnumerable<string> KeysOf(IEnumerable<InputError> errors, string pattern) => errors.Select(e => Regex.Match(e.Message, pattern, RegexOptions.None, TimeSpan.FromSeconds(1)).Groups["key"].Value);

    private static IEnumerable<string> Keys(JsonElement map) => map.GetProperty("properties").EnumerateObject().Select(p => p.Name);

    private static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(t => t.GetString()!)];
}
