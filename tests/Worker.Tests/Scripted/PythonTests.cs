using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Scripted;

/// <summary>A model that PyTorch scripted and fine-tuned, fine-tuned by us.</summary>
[Collection(SharedTorch.Generator)]
public sealed class PythonTests
{
    private const string Python = "/usr/bin/python3";
    private const int Steps = 11;

    /// <summary>Batch norm, a buffer, a frozen parameter and one that stands in two places; a slot is the whole data, as PyTorch's batch is.</summary>
    [Theory]
    [InlineData("sgd", "{ kind: sgd, learningRate: 0.1, momentum: 0.9 }")]
    [InlineData("adamw", "{ kind: adamw, learningRate: 0.01, weightDecay: 0.01 }")]
    public async Task Fine_tuning_comes_to_what_it_comes_to_in_Python(string kind, string optimizer)
    {
        using var folder = new TemporaryFolder();
        Tuned theirs = await InPythonAsync(folder.Path, kind);
        JobSpec job = JobFile.Parse(
            $$"""
            name: tuned
            model: { torchscript: model.pt }
            data: { format: csv, train: rows.csv, labels: [y] }
            loss: cross-entropy
            optimizer: {{optimizer}}
            steps: {{Steps}}
            globalBatch: 48
            slots: 1
            """,
            "job.yaml",
            folder.Path,
            []);
        var run = new RunFolder(folder.Path);
        PreparedJob Open() => PreparedJob.Prepare(job, "tuned", run, null, acceptsClass: false, acceptsCode: false, ComponentCatalog.Empty, default);
        using var compute = new ComputeThread();
        PreparedJob opened = await compute.RunAsync(Open);
        TrainingPlan training = opened.Plan;
        await compute.RunAsync(opened.Dispose);
        await using var swarm = new Swarm(training, TimeProvider.System);
        swarm.Hire("w0", new QuietWire(), () => new SharedTorch(Open, (_, _) => { })).Start();

        double[] losses = [.. (await swarm.WatchAsync()).Where(report => report.Cursor.Attempt >= 0).Select(report => report.Loss)];

        Assert.Equal(Steps, losses.Length);
        // The loss before the first step, after one, and after ten.
        Assert.Equal(theirs.Losses[0], losses[0], 1e-5);
        Assert.Equal(theirs.Losses[1], losses[1], 1e-5);
        Assert.Equal(theirs.Losses[10], losses[10], 1e-3);
        Assert.InRange(losses[10], 0, 0.95 * losses[0]);

        float[] model = CheckpointSet.Read(run.Checkpoints, Steps).Model();
        int offset = 0;
        foreach (var tensor in training.Descriptor.Tensors)
        {
            Assert.All(model[offset..(offset += (int)tensor.Elements)].Zip(theirs.Tensors[tensor.Name]), pair => Assert.Equal(pair.Second, pair.First, 1e-3f));
        }

        Assert.Equal(model.Length, offset);
        // The second name of the tied weight is no tensor of its own.
        Assert.Equal(theirs.Tensors.Keys.Where(name => name != "again.weight").Order(StringComparer.Ordinal), training.Descriptor.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
    }

    private static async Task<Tuned> InPythonAsync(string folder, string kind)
    {
        var start = new ProcessStartInfo(Python, [Path.Combine(AppContext.BaseDirectory, "finetune.py"), folder, kind, $"{Steps}"]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            if (process.ExitCode != 0 && (await errors).Contains("No module named 'torch'", StringComparison.Ordinal))
            {
                Assert.Skip($"{Python} has no torch (Debian: python3-torch), and nothing was compared with it.");
            }

            Assert.True(process.ExitCode == 0, await errors);
            return JsonSerializer.Deserialize<Tuned>(output, JsonSerializerOptions.Web)!;
        }
        catch (Win32Exception exception)
        {
            Assert.Skip($"There is no {Python} here, and nothing was compared with PyTorch: {exception.Message}");
            throw;
        }
    }

    private sealed record Tuned(double[] Losses, Dictionary<string, float[]> Tensors);
}
