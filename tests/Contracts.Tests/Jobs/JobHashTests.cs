using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Tests.Jobs;

public sealed class JobHashTests
{
    private const string Layers = """
        name: test
        model:
          input: [1, 4, 4]
          layers:
            - kind: conv2d
              out: 3
              kernel: 3
              stride: 1
              padding: 1
              bias: true
            - kind: batch-norm
              epsilon: 1e-5
              momentum: 0.1
            - flatten
            - kind: dropout
              p: 0.5
            - linear
        data:
          format: csv
          train: data.csv
          validation: held.csv
          features: [a, b]
          labels: [y]
          categories: [a]
          header: true
          delimiter: ","
          missing: mean
          normalize: standard
        loss: mse
        metrics: [mae]
        optimizer: {kind: sgd, learningRate: 0.1, momentum: 0.5, nesterov: false, weightDecay: 0.1, clipNorm: 1}
        schedule: {kind: step, warmupSteps: 3, stepSize: 10, gamma: 0.5}
        steps: 100
        globalBatch: 32
        slots: 4
        seed: 3
        threadsPerWorker: 1

        """;

    [Fact]
    public void Without_its_place_a_job_is_the_same_from_every_folder_with_any_fleet()
    {
        JobSpec here = JobFile.Parse(Layers, "job.yaml", Path.GetFullPath("/here"), []);
        JobSpec there = JobFile.Parse("\n" + Layers, "job.yaml", Path.GetFullPath("/there"), ["shards=2", "workers.min=2", "checkpoint.every=7"]);

        string text = JobFile.ToCanonicalJson(JobFile.WithoutPlace(here));
        Assert.Equal(text, JobFile.ToCanonicalJson(JobFile.WithoutPlace(there)));
        Assert.Contains("\"data.csv\"", text, StringComparison.Ordinal);
        Assert.Equal(JobFile.Hash(here), JobFile.Hash(JobFile.FromCanonicalJson(text)));
        Assert.NotEqual(text, JobFile.ToCanonicalJson(JobFile.WithoutPlace(there with { Seed = 4 })));
    }

    [Theory]
    [InlineData("name: test", "name: other")]
    [InlineData("train: data.csv", "train: elsewhere/data.csv")]
    [InlineData("validation: held.csv", "validation: elsewhere/held.csv")]
    [InlineData("steps: 100", "steps: 100\nshards: 3")]
    [InlineData("steps: 100", "steps: 100\nworkers: {min: 2, max: 3}")]
    [InlineData("steps: 100", "steps: 100\ncheckpoint: {every: 7, keep: 1}")]
    [InlineData("steps: 100", "\n\n# Lines move.\n\nsteps: 100")]
    [InlineData("    - flatten", "\n    - flatten")]
    [InlineData("momentum: 0.1", "momentum: 1e-1")]
    [InlineData("loss: mse", "loss: 'mse'")]
    public void What_does_not_shape_the_result_leaves_the_hash(string part, string replacement) => Assert.Equal(Hash(Layers), Hash(Changed(part, replacement)));

    [Theory]
    [InlineData("input: [1, 4, 4]", "input: [1, 2, 8]")]
    [InlineData("out: 3", "out: 4")]
    [InlineData("kernel: 3", "kernel: 2")]
    [InlineData("stride: 1", "stride: 2")]
    [InlineData("padding: 1", "padding: 0")]
    [InlineData("bias: true", "bias: false")]
    [InlineData("epsilon: 1e-5", "epsilon: 1e-4")]
    [InlineData("momentum: 0.1", "momentum: 0.2")]
    [InlineData("p: 0.5", "p: 0.25")]
    [InlineData("    - flatten\n", "    - flatten\n    - relu\n")]
    [InlineData("validation: held.csv", "split: 0.2")]
    [InlineData("features: [a, b]", "features: [b, a]")]
    [InlineData("labels: [y]", "labels: [z]")]
    [InlineData("categories: [a]", "categories: [b]")]
    [InlineData("seed: 3", "seed: 3\ncontribution: 16")]
    [InlineData("seed: 3", "seed: 3\npull: bfloat16")]
    [InlineData("header: true", "header: false")]
    [InlineData("delimiter: \",\"", "delimiter: ;")]
    [InlineData("missing: mean", "missing: median")]
    [InlineData("normalize: standard", "normalize: none")]
    [InlineData("loss: mse", "loss: mae")]
    [InlineData("metrics: [mae]", "metrics: [rmse]")]
    [InlineData("loss: mse", "loss: cross-entropy\nclassWeights: balanced")]
    [InlineData("metrics: [mae]", "metrics: [mae]\nbest: {metric: mae}")]
    [InlineData("metrics: [mae]", "metrics: [mae]\nbest: {metric: mae, patience: 2}")]
    [InlineData("learningRate: 0.1", "learningRate: 0.11")]
    [InlineData("kind: sgd, learningRate: 0.1, momentum: 0.5, nesterov: false", "kind: adam, learningRate: 0.1")]
    [InlineData("momentum: 0.5", "momentum: 0.6")]
    [InlineData("nesterov: false", "nesterov: true")]
    [InlineData("weightDecay: 0.1", "weightDecay: 0.2")]
    [InlineData("clipNorm: 1", "clipNorm: 2")]
    [InlineData(", clipNorm: 1", "")]
    [InlineData("kind: step, warmupSteps: 3, stepSize: 10, gamma: 0.5", "kind: cosine, warmupSteps: 3")]
    [InlineData("warmupSteps: 3", "warmupSteps: 4")]
    [InlineData("stepSize: 10", "stepSize: 11")]
    [InlineData("gamma: 0.5", "gamma: 0.6")]
    [InlineData("steps: 100", "steps: 101")]
    [InlineData("steps: 100", "epochs: 1")]
    [InlineData("globalBatch: 32", "globalBatch: 33")]
    [InlineData("slots: 4", "slots: 5")]
    [InlineData("seed: 3", "seed: 4")]
    [InlineData("threadsPerWorker: 1", "threadsPerWorker: 2")]
    public void What_shapes_the_result_changes_the_hash(string part, string replacement) => Assert.NotEqual(Hash(Layers), Hash(Changed(part, replacement)));

    [Fact]
    public void It_is_a_SHA_256_in_hexadecimal() => Assert.Matches("^[0-9a-f]{64}$", Hash(Layers));

    private static string Hash(string text) => JobFile.Hash(JobText.Read(text));

    private static string Changed(string part, string replacement)
    {
        Assert.Contains(part, Layers, StringComparison.Ordinal);
        return Layers.Replace(part, replacement, StringComparison.Ordinal);
    }
}
