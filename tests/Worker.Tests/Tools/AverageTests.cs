using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Layout;
using Lockstep.Training;
using Lockstep.Worker.Jobs;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tools;

namespace Lockstep.Worker.Tests.Tools;

/// <summary>The moving average of the parameters: exact, in checkpoints, and what is exported.</summary>
[Collection(SharedTorch.Generator)]
public sealed class AverageTests
{
    private const int Resumed = 4;

    [Fact]
    public async Task A_model_file_has_the_average_over_all_steps_whoever_computed_them_and_wherever_it_went_on()
    {
        using var run = new TorchRun("average");
        await run.TrainAsync();
        float decay = (float)(1 - run.Spec.Optimizer.AverageDecay!.Value);

        // One process, without checkpoints.
        using PreparedJob opened = PreparedJob.Prepare(run.Spec with { Shards = 1 }, "job", run.Folder, null, acceptsClass: false, acceptsCode: false, ComponentCatalog.Empty, TestContext.Current.CancellationToken);
        var replay = new StepReplay(opened, null);
        TensorKind[] kinds = [.. opened.Plan.Descriptor.Tensors.SelectMany(tensor => Enumerable.Repeat(tensor.Kind, (int)tensor.Elements))];
        float[] average = [];
        for (int step = 0; step < TorchRun.Steps; step++)
        {
            replay.Step(TestContext.Current.CancellationToken);
            float[] model = replay.Model;
            average = step == 0 ? [.. model] : [.. average.Select((value, i) => kinds[i] == TensorKind.Buffer ? model[i] : MathF.FusedMultiplyAdd(model[i] - value, decay, value))];
        }

        float[] last = [.. replay.Model];
        Assert.Equal(average, Flat(run, opened));
        Assert.NotEqual(last, average);
        CheckpointSet set = CheckpointSet.Read(run.Folder.Checkpoints, TorchRun.Steps);
        Assert.Equal(last, set.Model());
        Assert.Equal(last, (set with { Descriptor = set.Descriptor with { Optimizer = set.Descriptor.Optimizer with { Exported = ExportedKind.Last } } }).Exported());

        // Against the model file too.
        using var output = new StringWriter();
        Assert.True(new VerifyTool(new VerifyRequest(run.Folder.Path, 1, null, Json: false), ComponentCatalog.Empty, output).Run(TestContext.Current.CancellationToken) == 0, output.ToString());

        Directory.Delete(CheckpointSet.DirectoryOf(run.Folder.Checkpoints, TorchRun.Steps), recursive: true);
        await run.RunAsync(Resumed, null, null);
        Assert.Equal(average, CheckpointSet.Read(run.Folder.Checkpoints, TorchRun.Steps).Exported());
    }

    private static float[] Flat(TorchRun run, PreparedJob opened)
    {
        Dictionary<string, NamedTensor> file = SafeTensors.Read(run.Model).Tensors.ToDictionary(tensor => tensor.Name);
        return [.. opened.Plan.Descriptor.Tensors.SelectMany(tensor => file[tensor.Name].Values)];
    }
}
