using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Tools;
using Lockstep.Data;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tools;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Lockstep.Worker.Tests.Tools;

/// <summary>A trained model under ONNX Runtime, on its own data.</summary>
[Collection(SharedTorch.Generator)]
public sealed class ExportTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_exported_model_says_of_all_rows_what_the_run_s_model_says()
    {
        using var run = new TorchRun("everything");
        await run.TrainAsync();
        string onnx = Path.Combine(run.Folder.Path, "model.onnx");
        using var output = new StringWriter();
        Assert.Equal(0, new ExportTool(new ExportRequest(run.Model, onnx), ComponentCatalog.Empty, output).Run());
        Assert.Contains(onnx, output.ToString(), StringComparison.Ordinal);

        var stored = new StoredModel(run.Model);
        using IDataSet data = DataSets.OpenForEvaluation(stored.DataAt(run.Spec.Data.Train, null), stored.Spec.Loss, stored.Table, run.Folder.Cache, Token);
        using NeuralModel model = stored.Build(DataFields.Of(data), ComponentCatalog.Empty, run.Model);
        long[] ids = [.. Enumerable.Range(0, (int)data.Count).Select(i => (long)i)];
        float[] ours = new Predictor(model, data).Run(ids);
        var features = new float[ids.Length * data.FeatureCount];
        data.Read(ids, features, new float[ids.Length]);

        using var session = new InferenceSession(onnx);
        using var results = session.Run([NamedOnnxValue.CreateFromTensor("features", new DenseTensor<float>(features, [ids.Length, data.FeatureCount]))]);
        float[] theirs = [.. results.Single().AsEnumerable<float>()];
        Assert.Equal(ours.Length, theirs.Length);
        Assert.All(ours.Zip(theirs), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.True(ours.Max() - ours.Min() > 0.5);
        Assert.Equal(SafeTensors.Read(run.Model).Metadata["lockstep.normalization"], session.ModelMetadata.CustomMetadataMap["lockstep.normalization"]);
    }

    [Fact]
    public void A_file_that_says_nothing_of_its_inputs_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "model.safetensors");
        SafeTensors.Write(path, [new NamedTensor("0.weight", [1], [1])], new Dictionary<string, string>());
        Assert.Contains("has no 'lockstep.job'", Assert.Throws<InputException>(() => new ExportTool(new ExportRequest(path, path + ".onnx"), ComponentCatalog.Empty, TextWriter.Null).Run()).Message, StringComparison.Ordinal);
    }
}
