using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TorchSharp;
using static Lockstep.Training.Tests.Jobs;

namespace Lockstep.Training.Tests.Layers;

/// <summary>Models as ONNX under ONNX Runtime: the outputs are ours to 1e-5.</summary>
public sealed class OnnxTests
{
    private const int Samples = 5;

    public static TheoryData<string> Models => ["cnn", "resnet", "transformer", "tabular", "image", "sequence", "recurrent", "norm-behind", "flat"];

    private static readonly IDataSource Text = new TokenSource(24, 6, 9, 9, isEach: true);
    private static readonly LayerSpec End = new() { Kind = LayerKind.Linear };

    [Theory]
    [MemberData(nameof(Models))]
    public void Outputs_are_those_of_the_model(string name)
    {
        (JobSpec job, IDataSource data) = Case(name);
        using var scope = torch.NewDisposeScope();
        using NeuralModel model = NeuralModel.Build(job, data.Fields, ComponentCatalog.Empty);
        // Scales, shifts and running statistics that are not those of version 0.
        var flat = new float[model.ElementCount];
        model.CopyInitial(flat);
        var random = new Random(4);
        int offset = 0;
        foreach (var tensor in model.Tensors)
        {
            foreach (ref float value in flat.AsSpan(offset, (int)tensor.Elements))
            {
                value = tensor.Name.EndsWith("running_var", StringComparison.Ordinal) ? 0.5f + random.NextSingle() : value + (0.2f * (random.NextSingle() - 0.5f));
            }

            offset += (int)tensor.Elements;
        }

        model.Load(flat);
        using var batch = new Batch(Samples, data.Fields, job.Loss);
        batch.Fill(data, [0, 1, 2, 3, 4], null);
        DataField input = data.Fields.First(field => !field.IsLabel);
        var values = batch.InputsOn(torch.CPU)[input.Name];
        float[] ours = SlotLoss.Usual(model.Evaluate(batch.InputsOn(torch.CPU)))!.contiguous().data<float>().ToArray();

        using var session = new InferenceSession(model.ToOnnx(new Dictionary<string, string> { ["made"] = "here" }));
        Assert.Equal("here", session.ModelMetadata.CustomMetadataMap["made"]);
        int[] shape = [Samples, .. input.Shape.Select(size => (int)size)];
        using var results = session.Run([input.Type == FieldType.Int64
            ? NamedOnnxValue.CreateFromTensor(input.Name, new DenseTensor<long>(values.data<long>().ToArray(), shape))
            : NamedOnnxValue.CreateFromTensor(input.Name, new DenseTensor<float>(values.data<float>().ToArray(), shape))]);
        float[] theirs = [.. results.Single(result => result.Name == "output").AsEnumerable<float>()];
        Assert.Equal(ours.Length, theirs.Length);
        Assert.True(ours.Max() - ours.Min() > 0.05, "All outputs are alike, which proves little.");
        for (int i = 0; i < ours.Length; i++)
        {
            Assert.True(Math.Abs(ours[i] - theirs[i]) <= 1e-5, $"Output {i} is {ours[i]}, under ONNX Runtime {theirs[i]}.");
        }
    }

    [Fact]
    public void A_module_of_ones_own_has_no_graph()
    {
        using NeuralModel model = NeuralModel.Build(Own.OwnJobs.Residual, [DataField.Input("x", 4), DataField.Class("y", 3)], Own.OwnJobs.Catalog);
        Assert.Contains("has no graph that could be written", Assert.Throws<Contracts.InputException>(() => model.ToOnnx(new Dictionary<string, string>())).Message, StringComparison.Ordinal);
    }

    private static (JobSpec Job, IDataSource Data) Case(string name) => name switch
    {
        "cnn" or "resnet" => (Of(LossKind.CrossEntropy) with { Model = new() { Preset = name } }, Data([1, 12, 12])),
        "transformer" => (Of(LossKind.CrossEntropy) with { Model = new() { Preset = name, Width = 8, Heads = 2, Dropout = 0.2 } }, Text),
        "tabular" => (Of(LossKind.CrossEntropy) with { Model = new() { Preset = name, Dropout = 0.2 } }, new DataSetSource(new MemoryDataSet(24, [7], classes: 3, columns: [1, 4, 1, 1]))),
        "flat" => (Of(LossKind.CrossEntropy) with { Model = new() { Input = [12, 12], Layers = [Only(LayerKind.Flatten), Only(LayerKind.BatchNorm), new() { Kind = LayerKind.Linear, Out = 6, Bias = false }, Only(LayerKind.LayerNorm), Only(LayerKind.Gelu), Only(LayerKind.Softmax), Only(LayerKind.Dropout), End] } }, Data([1, 12, 12])),
        "image" => (Of(
            LossKind.CrossEntropy,
            new() { Kind = LayerKind.Conv2d, Out = 4, Stride = 2, Padding = 1 },
            new() { Kind = LayerKind.GroupNorm, Groups = 2 },
            new() { Kind = LayerKind.AvgPool2d, Kernel = 3, Stride = 2, Padding = 1 },
            new() { Kind = LayerKind.Parallel, Branches = [[new() { Kind = LayerKind.Conv2d, Out = 3, Kernel = 1 }], [new() { Kind = LayerKind.MaxPool2d, Kernel = 3, Stride = 1, Padding = 1 }, Only(LayerKind.Sigmoid)]] },
            Only(LayerKind.LayerNorm),
            Only(LayerKind.Flatten),
            Only(LayerKind.Tanh),
            End), Data([1, 12, 12])),
        "sequence" => (Of(
            LossKind.CrossEntropy,
            new() { Kind = LayerKind.Conv1d, Out = 6, Padding = 1, Stride = 2 },
            Only(LayerKind.BatchNorm1d),
            Only(LayerKind.Relu),
            new() { Kind = LayerKind.PositionalEncoding, Fixed = true },
            new() { Kind = LayerKind.Parallel, Join = JoinKind.Add, Branches = [[Only(LayerKind.LayerNorm)], [new() { Kind = LayerKind.MultiHeadAttention, Heads = 3, Bias = false }]] },
            new() { Kind = LayerKind.GroupNorm, Groups = 3 },
            new() { Kind = LayerKind.Linear, Out = 5 },
            Only(LayerKind.GlobalAvgPool),
            End), Data([10, 4])),
        "recurrent" => (Of(
            LossKind.CrossEntropy,
            new() { Kind = LayerKind.Lstm, Out = 4, Depth = 2, Bidirectional = true },
            new() { Kind = LayerKind.Gru, Out = 3, Depth = 2, Bidirectional = true },
            new() { Kind = LayerKind.Lstm, Out = 5, Bias = false },
            new() { Kind = LayerKind.Residual, Layers = [new() { Kind = LayerKind.Gru, Out = 5 }] },
            new() { Kind = LayerKind.Gru, Out = 4, Bidirectional = true, Last = true },
            End), Data([7, 4])),
        _ => (Of(LossKind.CrossEntropy, new() { Kind = LayerKind.TransformerEncoder, Heads = 2, Depth = 2, Causal = true, NormFirst = false, Activation = ActivationKind.Relu, P = 0.1 }, Only(LayerKind.GlobalAvgPool), End), Data([7, 4])),
    };

    private static DataSetSource Data(int[] shape) => new(new MemoryDataSet(24, shape, classes: 3));

    private static LayerSpec Only(LayerKind kind) => new() { Kind = kind };
}
