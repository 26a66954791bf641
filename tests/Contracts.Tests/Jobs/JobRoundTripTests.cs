using System.Text.Json;
using CsCheck;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class JobRoundTripTests
{
    internal const string Json = """
        {
          "name": "all-keys",
          "model": { "input": [1, 8, 8], "layers": [
            { "kind": "conv2d", "out": 4, "kernel": 3, "stride": 1, "padding": 1, "bias": false },
            "relu",
            { "kind": "batch-norm", "epsilon": 1e-4, "momentum": 0.2 },
            { "kind": "dropout", "p": 0.25 },
            "flatten",
            { "kind": "linear" } ] },
          "data": { "format": "csv", "train": "a/train.csv", "validation": "../b.csv", "features": ["x", 3], "labels": 64,
                    "categories": ["c"], "header": false, "delimiter": ";", "missing": "median", "normalize": "min-max" },
          "loss": "cross-entropy",
          "metrics": "accuracy",
          "optimizer": { "kind": "adamw", "learningRate": 0.002, "weightDecay": 1e-2, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-7, "clipNorm": 1 },
          "schedule": { "kind": "cosine", "warmupSteps": 10, "finalFraction": 0.1 },
          "steps": 500, "globalBatch": 48, "slots": 6, "seed": 18446744073709551615,
          "workers": { "min": 2, "max": 5 }, "shards": 2,
          "checkpoint": { "every": 0, "keep": 2 },
          "threadsPerWorker": 2
        }
        """;

    [Fact]
    public void Reads_every_key()
    {
        JobSpec job = JobFile.Parse(Json, "job.json", JobText.Folder, []);
        Assert.Equal("all-keys", job.Name);
        Assert.Equal([1, 8, 8], job.Model.Input!);
        Assert.Equal([LayerKind.Conv2d, LayerKind.Relu, LayerKind.BatchNorm, LayerKind.Dropout, LayerKind.Flatten, LayerKind.Linear], job.Model.Layers.Select(l => l.Kind));
        Assert.Equal([4, 5, 6, 7, 8, 9], job.Model.Layers.Select(l => l.Line));
        Assert.Equal(new LayerSpec { Kind = LayerKind.Conv2d, Line = 4, Out = 4, Kernel = 3, Stride = 1, Padding = 1, Bias = false }, job.Model.Layers[0]);
        Assert.Equal((1e-4, 0.2, 0.25), (job.Model.Layers[2].Epsilon, job.Model.Layers[2].Momentum, job.Model.Layers[3].P));
        Assert.Equal((Path.Combine(JobText.Folder, "a", "train.csv"), Path.Combine(Path.GetDirectoryName(JobText.Folder)!, "b.csv")), (job.Data.Train, job.Data.Validation));
        Assert.Equal(["x", "3"], job.Data.Features);
        Assert.Equal(["64"], job.Data.Labels);
        Assert.Equal(["c"], job.Data.Categories);
        Assert.Equal((false, ';', MissingPolicy.Median, NormalizationKind.MinMax), (job.Data.Header, job.Data.Delimiter, job.Data.Missing, job.Data.Normalize));
        Assert.Equal((LossKind.CrossEntropy, 500, null), (job.Loss, job.Steps, job.Epochs));
        Assert.Equal([MetricKind.Accuracy], job.Metrics);
        Assert.Equal(new OptimizerSpec { Kind = OptimizerKind.AdamW, LearningRate = 0.002, WeightDecay = 0.01, Beta1 = 0.8, Beta2 = 0.99, Epsilon = 1e-7, ClipNorm = 1 }, job.Optimizer);
        Assert.Equal(new ScheduleSpec { Kind = ScheduleKind.Cosine, WarmupSteps = 10, FinalFraction = 0.1 }, job.Schedule);
        Assert.Equal((48, 6, ulong.MaxValue, 2, 2), (job.GlobalBatch, job.Slots, job.Seed, job.Shards, job.ThreadsPerWorker));
        Assert.Equal((new WorkersSpec { Min = 2, Max = 5 }, new CheckpointSpec { Every = 0, Keep = 2 }), (job.Workers, job.Checkpoint));
    }

    [Fact]
    public void JSON_and_YAML_give_the_same_job()
    {
        // JSON's syntax is YAML's too: the same text through both readers.
        string json = JobText.Canonical(JobFile.Parse(Json, "job.json", JobText.Folder, []));
        Assert.Equal(json, JobText.Canonical(JobFile.Parse(Json, "job.yaml", JobText.Folder, [])));
        const string Yaml = """
            name: all-keys
            model:
              input: [1, 8, 8]
              layers:
                - {kind: conv2d, out: 4, kernel: 3, stride: 1, padding: 1, bias: false}
                - relu
                - kind: batch-norm
                  epsilon: 0.0001
                  momentum: 0.2
                - kind: dropout
                  p: 0.25
                - flatten
                - linear
            data:
              format: csv
              train: a/train.csv
              validation: ../b.csv
              features:
                - x
                - 3
              labels: 64
              categories: c
              header: false
              delimiter: ;
              missing: median
              normalize: min-max
            loss: cross-entropy
            metrics: [accuracy]
            optimizer:
              kind: adamw
              learningRate: 2e-3
              weightDecay: 0.01
              beta1: 0.8
              beta2: 0.99
              epsilon: 1e-7
              clipNorm: 1.0
            schedule: {kind: cosine, warmupSteps: 10, finalFraction: 0.1}
            steps: 500
            globalBatch: 48
            slots: 6
            seed: 18446744073709551615
            workers: {min: 2, max: 5}
            shards: 2
            checkpoint: {every: 0, keep: 2}
            threadsPerWorker: 2
            """;
        Assert.Equal(json, JobText.Canonical(JobText.Read(Yaml)));
    }

    [Fact]
    public void What_is_left_out_has_its_default()
    {
        JobSpec job = JobText.Read(JobText.Plain);
        var plain = new JobSpec
        {
            Name = "test",
            Model = new ModelSpec { Preset = "mlp" },
            Data = new DataSpec { Format = DataFormat.Csv, Train = Path.Combine(JobText.Folder, "data.csv"), Labels = ["y"] },
            Loss = LossKind.Mse,
            Epochs = 1,
        };
        Assert.Equal(JobFile.ToCanonicalJson(plain), JobFile.ToCanonicalJson(job));
        Assert.Equal(JobText.Canonical(job), JobText.Canonical(JobText.Read(JobText.Plain + "workers:\nschedule: null\nshards: ~\n")));
    }

    [Fact]
    public void The_largest_number_of_workers_follows_the_smallest() =>
        Assert.Equal(new WorkersSpec { Min = 12, Max = 12 }, JobText.Read(JobText.Plain + "workers: {min: 12}\n").Workers);

    [Fact]
    public void A_written_job_reads_as_the_same_job() => JobSpecs.Any.Sample(job =>
    {
        string yaml = JobWriter.ToYaml(job);
        Assert.Equal(JobText.Canonical(job), JobText.Canonical(JobText.Read(yaml)));
        Assert.Equal(yaml, JobWriter.ToYaml(JobText.Read(yaml)));
    }, iter: 1000);

    [Fact]
    public void A_job_comes_whole_through_canonical_JSON() => JobSpecs.Any.Sample(job =>
    {
        string json = JobFile.ToCanonicalJson(job);
        JobSpec other = JobFile.FromCanonicalJson(json);
        Assert.Equal(json, JobFile.ToCanonicalJson(other));
        Assert.Equal(job.Optimizer with { Groups = null }, other.Optimizer with { Groups = null });
        Assert.Equal(job.Schedule, other.Schedule);
        Assert.Equal(job.Seed, other.Seed);
        Assert.Equal(JobFile.Hash(job), JobFile.Hash(other));
    }, iter: 1000);

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{")]
    [InlineData("[1]")]
    [InlineData("\"\\ud800\"")]
    public void Canonical_JSON_of_no_job_is_refused(string json)
    {
        InputException refusal = Assert.Throws<InputException>(() => JobFile.FromCanonicalJson(json));
        Assert.DoesNotContain("LineNumber", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Path: ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Canonical_JSON_with_a_part_taken_out_or_voided_is_refused()
    {
        string json = JobFile.ToCanonicalJson(JobText.Read(JobText.Plain));
        foreach (JsonProperty property in JsonDocument.Parse(json).RootElement.EnumerateObject())
        {
            // These may be missing.
            if (property.Name is not ("epochs" or "steps"))
            {
                string voided = json.Replace($"\"{property.Name}\":{property.Value.GetRawText()}", $"\"{property.Name}\":null", StringComparison.Ordinal);
                Assert.NotEqual(json, voided);
                Assert.Throws<InputException>(() => JobFile.FromCanonicalJson(voided));
            }
        }
    }

    [Fact]
    public void Several_files_and_patterns_are_one_list_in_order()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lockstep-files-");
        try
        {
            foreach (string name in (string[])["part-10.csv", "part-2.csv", "part-x.txt", "first.csv"])
            {
                File.WriteAllText(Path.Combine(folder.FullName, name), "");
            }

            JobSpec job = JobFile.Parse(JobText.Changed("train: data.csv", "train: [first.csv, 'part-*.csv']"), JobText.File, folder.FullName, []);
            Assert.Equal(["first.csv", "part-10.csv", "part-2.csv"], new[] { job.Data.Train }.Concat(job.Data.TrainMore).Select(Path.GetFileName));
            Assert.Equal(JobText.Canonical(job), JobText.Canonical(JobText.Read(JobWriter.ToYaml(job))));
            InputError none = Assert.Single(Assert.Throws<InputException>(() => JobFile.Parse(JobText.Changed("data.csv", "'none-?.csv'"), JobText.File, folder.FullName, [])).Errors);
            Assert.Equal((6, $"No file in {folder.FullName} is called 'none-?.csv'."), (none.Line, none.Message));
            Assert.Contains("twice", JobText.Errors(JobText.Changed("train: data.csv", "train: [a.csv, ./a.csv]"))[0].Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
