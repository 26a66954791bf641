using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tools;

namespace Lockstep.Worker.Tests.Tools;

/// <summary>What a run leaves, and all that is done with it later: each on what a model or its optimizer may hold beside parameters.</summary>
[Collection(SharedTorch.Generator)]
public sealed class ToolTests
{
    private const string OtherClass = "another class";

    public static TheoryData<string> Kinds => ["dropout", "batch-norm", "clipping", "weight-decay", "class-weights", "everything"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_run_is_exported_evaluated_verified_resumed_and_restored_to_the_bit(string kind)
    {
        using var run = new TorchRun(kind);
        IReadOnlyList<StepReport> reports = await run.TrainAsync();
        IReadOnlyList<string> ledger = TorchRun.LinesOf(reports);
        Assert.Equal(TorchRun.Steps, ledger.Count);

        Exported(run);
        Evaluated(run, run.LastEvaluation(reports));
        (int code, string said) = Verify(run.Folder);
        Assert.True(code == 0, said);
        Assert.Contains("steps 1 to 12 were computed again from version 0, and 12 lines of the ledger are equal", said, StringComparison.Ordinal);
        Assert.Contains("The model file holds exactly these values", said, StringComparison.Ordinal);
        Assert.Contains("steps 9 to 12 were computed again from version 8", Verify(run.Folder, 9, 12).Said, StringComparison.Ordinal);

        IReadOnlyList<StepReport> resumed = await run.RunAsync(TorchRun.CheckpointEvery, null, null);
        Assert.Equal(ledger.Skip(TorchRun.CheckpointEvery), TorchRun.LinesOf(resumed));
        Assert.Equal(run.LastEvaluation(reports), run.LastEvaluation(resumed));

        Directory.Delete(run.Folder.Checkpoints, recursive: true);
        await RestoredAsync(run, ledger, run.LastEvaluation(reports));
    }

    [Fact]
    public async Task A_buffer_of_the_model_file_that_was_altered_is_found()
    {
        using var run = new TorchRun("batch-norm");
        await run.TrainAsync();
        SafeTensorsFile file = SafeTensors.Read(run.Model);
        file.Tensors.Single(t => t.Name == "1.running_var").Values[3] += 1e-4f;
        SafeTensors.Write(run.Model, file.Tensors, file.Metadata);

        (int code, string said) = Verify(run.Folder, 12, 12);

        Assert.Equal(1, code);
        Assert.Contains("The model file does NOT hold these values", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_part_of_a_ledger_is_verified_in_its_own_class()
    {
        using var run = new TorchRun("everything");
        await run.TrainAsync();
        string[] ours = await File.ReadAllLinesAsync(run.Folder.Ledger, TestContext.Current.CancellationToken);
        LedgerLine first = LedgerLine.FromJson(ours[0]);
        Mark(0, OtherClass);
        Mark(4, first.Class!);
        Mark(8, OtherClass);

        (int code, string said) = Verify(run.Folder);
        Assert.True(code == 0, said);
        Assert.Contains("Verified: steps 5 to 8 were computed again from version 4, and 4 lines", said, StringComparison.Ordinal);
        Assert.Contains($"Not verified: steps 1 to 4 were computed in the determinism class '{OtherClass}'", said, StringComparison.Ordinal);
        Assert.Contains("Not verified: steps 9 to 12 ", said, StringComparison.Ordinal);
        Assert.Contains(OtherClass, Assert.Throws<InputException>(() => Verify(run.Folder, 9, 12)).Message, StringComparison.Ordinal);

        // The part begins at a checkpoint of the class before it; without that it is verified from its first own one, or not at all.
        Mark(8, first.Class!);
        Directory.Delete(CheckpointSet.DirectoryOf(run.Folder.Checkpoints, 4), recursive: true);
        Assert.Contains("steps 9 to 12 were computed again from version 8", Verify(run.Folder).Said, StringComparison.Ordinal);
        Assert.Contains("Choose --steps from 9 on", Assert.Throws<InputException>(() => Verify(run.Folder, 6, 12)).Message, StringComparison.Ordinal);

        void Mark(int line, string determinismClass)
        {
            ours[line] = (LedgerLine.FromJson(ours[line]) with { Class = determinismClass }).ToJson();
            File.WriteAllLines(run.Folder.Ledger, ours);
        }
    }

    private static (int Code, string Said) Verify(RunFolder run, long? from = null, long? to = null)
    {
        using var output = new StringWriter();
        int code = new VerifyTool(new VerifyRequest(run.Path, from, to, Json: false), ComponentCatalog.Empty, output).Run(TestContext.Current.CancellationToken);
        return (code, output.ToString());
    }

    private static void Exported(TorchRun run)
    {
        CheckpointSet last = CheckpointSet.Read(run.Folder.Checkpoints, TorchRun.Steps);
        SafeTensorsFile file = SafeTensors.Read(run.Model);
        Assert.Equal(last.Descriptor.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal), file.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        float[] model = last.Model();
        int offset = 0;
        foreach (TensorSpec tensor in last.Descriptor.Tensors)
        {
            float[] values = model[offset..(offset += (int)tensor.Elements)];
            Assert.Equal(values, file.Tensors.Single(t => t.Name == tensor.Name).Values);
            Assert.Contains(values, value => value is not 0 and not 1);
        }
    }

    private static void Evaluated(TorchRun run, IReadOnlyDictionary<string, double> expected)
    {
        using var output = new StringWriter();
        Assert.Equal(0, new EvaluateTool(new EvaluateRequest(run.Model, null, null, Path.Combine(run.Folder.Path, "evaluate"), Json: true), ComponentCatalog.Empty, output).Run(TestContext.Current.CancellationToken));
        using JsonDocument answer = JsonDocument.Parse(output.ToString());
        Assert.Equal(30, answer.RootElement.GetProperty("samples").GetInt32());
        Assert.Equal(5, expected.Count);
        Assert.Equal(30, answer.RootElement.GetProperty("details").GetProperty("confusion").EnumerateArray().Sum(row => row.EnumerateArray().Sum(count => count.GetInt32())));
        foreach ((string name, double value) in expected)
        {
            // The sum is cut into other slots than the run's.
            Assert.Equal(value, answer.RootElement.GetProperty("metrics").GetProperty(name).GetDouble(), 1e-6);
        }
    }

    /// <summary>All shards go back to a checkpoint while the workers are at a later step.</summary>
    private static async Task RestoredAsync(TorchRun run, IReadOnlyList<string> ledger, IReadOnlyDictionary<string, double> evaluation)
    {
        const long At = 6;
        using var isThere = new ManualResetEventSlim();
        using var isRestored = new ManualResetEventSlim();
        RestoredJob? restored = null;
        IReadOnlyList<StepReport> reports = await run.RunAsync(null, (step, _) =>
        {
            if (step == At)
            {
                isThere.Set();
                Assert.True(isRestored.Wait(Swarm.Patience), "The job was not restored.");
            }
        }, async swarm =>
        {
            await Task.Run(() => Assert.True(isThere.Wait(Swarm.Patience) && SpinWait.SpinUntil(() => CheckpointSet.List(run.Folder.Checkpoints).Contains(TorchRun.CheckpointEvery), Swarm.Patience), "The step or its checkpoint was not reached."));
            restored = await ShardRecovery.RunAsync(swarm.Cluster.Shards, swarm.Descriptor, term: 1, lastGeneration: 0, swarm.End);
            isRestored.Set();
        });

        Assert.Equal(TorchRun.CheckpointEvery, restored!.Version);
        Assert.Equal(TorchRun.Steps + (At - TorchRun.CheckpointEvery), reports.Count(r => r.Ledger.Length > 0));
        Assert.Equal(ledger, TorchRun.LinesOf(reports));
        Assert.Equal(evaluation, run.LastEvaluation(reports));
    }
}
