using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Layout;
using Lockstep.Data;
using Lockstep.Fuzzing;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tools;

namespace Lockstep.Worker.Tests.Tools;

/// <summary>A model file may come from anywhere: what it says of sizes is compared with its bytes before anything of these sizes is made.</summary>
[Collection(SharedTorch.Generator)]
public sealed class EvaluateToolTests : IDisposable
{
    private const int Cases = 1000;

    /// <summary>Bytes that a refusal may take.</summary>
    private const long MostTaken = 100 << 20;

    private static readonly Lock Torch = new();

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-evaluate-test-");
    private readonly JobSpec _job;
    private readonly NormalizationTable _table;
    private readonly NamedTensor[] _tensors;
    private readonly string _data;
    private int _files;

    public EvaluateToolTests()
    {
        _data = Path.Combine(_folder.FullName, "rows.csv");
        File.WriteAllText(_data, $"{string.Join(',', Enumerable.Range(0, 16).Select(i => $"p{i}"))},y\n{string.Concat(Enumerable.Range(0, 6).Select(row => $"{string.Join(',', Enumerable.Range(0, 16).Select(i => i * row))},{row % 2}\n"))}");
        _job = JobFile.Parse(
            """
            name: small
            data: { format: csv, train: rows.csv, labels: [y] }
            model:
              input: [1, 4, 4]
              layers:
                - { kind: conv2d, out: 2, kernel: 3, padding: 1 }
                - batch-norm
                - relu
                - { kind: max-pool2d, kernel: 2 }
                - flatten
                - { kind: linear, out: 2 }
            loss: cross-entropy
            metrics: [accuracy]
            steps: 1
            """, "job.yaml", _folder.FullName, []);
        using OpenedData opened = DataSets.Open(_job.Data, _job.Loss, 1, Path.Combine(_folder.FullName, "cache"), CancellationToken.None);
        _table = opened.Normalization;
        _tensors = [.. NeuralModel.TensorsOf(_job, opened.Train.SampleShape, 2).Select(t => new NamedTensor(t.Name, t.Shape, [.. Enumerable.Range(0, (int)t.Elements).Select(i => (i % 5 / 4f) + 0.1f)]))];
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void A_model_that_lockstep_wrote_is_measured() => Assert.Contains("\"samples\":6", Evaluate(JobOf(_job)), StringComparison.Ordinal);

    [Theory]
    [InlineData("$.model.layers[0].padding", "1000", "padding of 1000")]
    [InlineData("$.model.layers[0].kernel", "1024", "")]
    [InlineData("$.model.layers[0].out", "16777216", "gives [16777216, 4, 4]")]
    [InlineData("$.model.layers[5].out", "16777216", "")]
    [InlineData("$.model.layers[0].out", "3", "no tensor 0.weight of [3, 1, 3, 3]")]
    [InlineData("$.model.layers[0].out", "2147483647", "'out' is '2147483647'")]
    [InlineData("$.model.layers[0].out", "-2147483648", "'out' is '-2147483648'")]
    [InlineData("$.model.layers[0].kernel", "2147483647", "'kernel' is '2147483647'")]
    [InlineData("$.model.layers[3].stride", "0", "'stride' is '0'")]
    [InlineData("$.model.input", "[16777216, 16777216, 16777216]", "values")]
    [InlineData("$.model.input", "[2147483647, 2147483647, 2147483647, 2147483647]", "'input'")]
    [InlineData("$.model.layers", "[]", "")]
    [InlineData("$.threadsPerWorker", "2147483647", "'threadsPerWorker' is '2147483647'")]
    [InlineData("$.model", "null", "")]
    public void One_whose_job_asks_for_more_than_the_file_has_is_refused_at_little_cost(string path, string value, string message)
    {
        JsonNode job = JobOf(_job);
        Set(job, path, value);

        long before = GC.GetAllocatedBytesForCurrentThread();
        InputException refused = Assert.Throws<InputException>(() => Evaluate(job));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostTaken);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
        Assert.All(refused.Errors, error => Assert.EndsWith(".safetensors", error.File, StringComparison.Ordinal));
    }

    /// <summary>24 kB that were gigabytes: each layer makes the image larger, and brings four bytes.</summary>
    [Fact]
    public void Layers_that_make_much_of_little_are_refused()
    {
        JsonNode job = JobOf(_job);
        Set(job, "$.model.layers", $"[{string.Concat(Enumerable.Repeat("""{"kind":"conv2d","out":1,"kernel":1,"padding":1024,"bias":false},""", 200))}{"""{"kind":"flatten"},{"kind":"linear","out":2}"""}]");
        NamedTensor[] tensors = [.. Enumerable.Range(0, 200).Select(i => new NamedTensor($"{i}.weight", [1, 1, 1, 1], [1]))];

        Assert.Contains("padding of 1024", Assert.Throws<InputException>(() => Evaluate(job, tensors)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_metadata_ends_in_a_measure_or_in_a_message()
    {
        string job = JobOf(_job).ToJsonString(), table = _table.ToMetadata();
        string[] jobPaths = [.. Paths(JsonNode.Parse(job)!)], tablePaths = [.. Paths(JsonNode.Parse(table)!)];
        var trial = new InputTrial();
        Gen.Select(Gen.Bool, Gen.Int[0, 1000], Any.Of(Values), Gen.Int[0, 1000], Any.Of(Values), Gen.Int[0, 2]).Sample((ofJob, first, value, second, other, changes) =>
        {
            JsonNode changedJob = JsonNode.Parse(job)!, changedTable = JsonNode.Parse(table)!;
            (JsonNode node, string[] paths) = ofJob ? (changedJob, jobPaths) : (changedTable, tablePaths);
            foreach ((int at, string with) in new[] { (first, value), (second, other) }.Take(changes))
            {
                TrySet(node, paths[at % paths.Length], with);
            }

            trial.Run(() => Evaluate(changedJob, table: changedTable.ToJsonString()), () => $"{changedJob.ToJsonString()} {changedTable.ToJsonString()}");
        }, iter: Cases, threads: 1);
        trial.End();
    }

    private static readonly string[] Values =
    [
        "null", "0", "-1", "1", "3", "1.5", "1e300", "2147483647", "-2147483648", "4294967296", "9223372036854775807", "\"\"", "\"x\"", "\"\\u001b[31m\"", "\"NaN\"", "true", "false", "[]", "[1]", "[null]", "[\"x\"]", "{}", "{\"x\": 1}", "[[[[]]]]",
    ];

    private static JsonNode JobOf(JobSpec job) => JsonNode.Parse(JobFile.ToCanonicalJson(JobFile.WithoutPlace(job)))!;

    private string Evaluate(JsonNode job, NamedTensor[]? tensors = null, string? table = null)
    {
        int number = Interlocked.Increment(ref _files);
        string model = Path.Combine(_folder.FullName, $"{number}.safetensors");
        SafeTensors.Write(model, tensors ?? _tensors, new Dictionary<string, string> { [PreparedJob.JobKey] = job.ToJsonString(), [PreparedJob.NormalizationKey] = table ?? _table.ToMetadata() });
        using var output = new StringWriter();
        var request = new EvaluateRequest(model, _data, null, Path.Combine(_folder.FullName, "cache"), Json: true);
        // Libtorch's settings are those of the process.
        lock (Torch)
        {
            Assert.Equal(0, new EvaluateTool(request, ComponentCatalog.Empty, output).Run(TestContext.Current.CancellationToken));
        }

        return output.ToString();
    }

    private static IEnumerable<string> Paths(JsonNode node, string at = "$")
    {
        if (at != "$")
        {
            yield return at;
        }

        IEnumerable<(JsonNode? Node, string Path)> inner = node switch
        {
            JsonObject map => map.Select(entry => (entry.Value, $"{at}.{entry.Key}")),
            JsonArray list => list.Select((item, index) => (item, $"{at}[{index}]")),
            _ => [],
        };
        foreach (string path in inner.SelectMany(i => i.Node is null ? [i.Path] : Paths(i.Node, i.Path)))
        {
            yield return path;
        }
    }

    private static void TrySet(JsonNode root, string path, string value)
    {
        try
        {
            Set(root, path, value);
        }
        catch (Exception exception) when (exception is InvalidOperationException or NullReferenceException or ArgumentOutOfRangeException)
        {
            // The change before has taken the place away.
        }
    }

    private static void Set(JsonNode root, string path, string value)
    {
        JsonNode? changed = JsonNode.Parse(value);
        string[] keys = path[2..].Replace("[", ".[", StringComparison.Ordinal).Split('.');
        JsonNode at = root;
        foreach (string key in keys[..^1])
        {
            at = key[0] == '[' ? at[int.Parse(key[1..^1], System.Globalization.CultureInfo.InvariantCulture)]! : at[key]!;
        }

        if (keys[^1][0] == '[')
        {
            at[int.Parse(keys[^1][1..^1], System.Globalization.CultureInfo.InvariantCulture)] = changed;
        }
        else
        {
            at[keys[^1]] = changed;
        }
    }
}
