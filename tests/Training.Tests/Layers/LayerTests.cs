using Lockstep.Contracts.Jobs;
using TorchSharp;
using TorchSharp.Modules;
using static Lockstep.Training.Tests.Jobs;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training.Tests.Layers;

/// <summary>Each kind of layer beside torch's own module: the same bits where the same is called, else the same to 1e-6.</summary>
public sealed class LayerTests
{
    private const float Near = 1e-6f;

    private static readonly LayerSpec Flat = new() { Kind = LayerKind.Flatten };
    private static readonly LayerSpec End = new() { Kind = LayerKind.Linear };

    [Fact]
    public void A_convolution_over_steps()
    {
        var conv = Conv1d(3, 4, 3, stride: 2, padding: 1);
        Linear end = Linear(12, 2);
        Compare([6, 3], x => end.call(conv.call(x.transpose(1, 2)).transpose(1, 2).flatten(1)), 0, [("0", conv), ("2", end)], new() { Kind = LayerKind.Conv1d, Out = 4, Kernel = 3, Stride = 2, Padding = 1 }, Flat, End);
    }

    // Over another memory order of the same numbers, which torch's kernels add in another order.
    [Fact]
    public void Batch_norm_of_a_sequence()
    {
        var norm = BatchNorm1d(3);
        Linear end = Linear(12, 2);
        Compare([4, 3], x => end.call(norm.call(x.transpose(1, 2)).transpose(1, 2).flatten(1)), 0, [("0", norm), ("2", end)], new() { Kind = LayerKind.BatchNorm1d }, Flat, End);
    }

    [Theory]
    [InlineData(4, 3, 3)]
    [InlineData(4, 6)]
    public void Group_norm(params int[] shape)
    {
        bool isSequence = shape.Length == 2;
        var norm = GroupNorm(2, isSequence ? shape[1] : shape[0]);
        Linear end = Linear(shape.Aggregate((a, b) => a * b), 2);
        Compare(shape, x => end.call((isSequence ? norm.call(x.transpose(1, 2)).transpose(1, 2) : norm.call(x)).flatten(1)), 0, [("0", norm), ("2", end)], new() { Kind = LayerKind.GroupNorm, Groups = 2 }, Flat, End);
    }

    [Fact]
    public void Layer_norm_and_linear_of_a_sequence_are_of_each_step()
    {
        var norm = LayerNorm(6);
        Linear inner = Linear(6, 3), end = Linear(12, 2);
        Compare([4, 6], x => end.call(inner.call(norm.call(x)).flatten(1)), 0, [("0", norm), ("1", inner), ("3", end)], new() { Kind = LayerKind.LayerNorm }, new() { Kind = LayerKind.Linear, Out = 3 }, Flat, End);
    }

    [Fact]
    public void Global_mean_of_an_image()
    {
        var conv = Conv2d(2, 3, 3);
        Linear end = Linear(3, 2);
        Compare([2, 5, 5], x => end.call(conv.call(x).mean([2, 3])), 0, [("0", conv), ("2", end)], new() { Kind = LayerKind.Conv2d, Out = 3 }, new() { Kind = LayerKind.GlobalAvgPool }, End);
    }

    [Fact]
    public void Residual_with_a_shortcut()
    {
        Conv2d first = Conv2d(2, 4, 3, stride: 2, padding: 1, bias: false), side = Conv2d(2, 4, 1, stride: 2, bias: false);
        BatchNorm2d norm = BatchNorm2d(4), sideNorm = BatchNorm2d(4);
        Linear end = Linear(4, 2);
        Compare(
            [2, 6, 6],
            x => end.call((norm.call(first.call(x)) + sideNorm.call(side.call(x))).mean([2, 3])),
            0,
            [("0.layers.0", first), ("0.layers.1", norm), ("0.shortcut.0", side), ("0.shortcut.1", sideNorm), ("2", end)],
            new()
            {
                Kind = LayerKind.Residual,
                Layers = [new() { Kind = LayerKind.Conv2d, Out = 4, Stride = 2, Padding = 1, Bias = false }, new() { Kind = LayerKind.BatchNorm }],
                Shortcut = [new() { Kind = LayerKind.Conv2d, Out = 4, Kernel = 1, Stride = 2, Bias = false }, new() { Kind = LayerKind.BatchNorm }],
            },
            new() { Kind = LayerKind.GlobalAvgPool },
            End);
    }

    [Theory]
    [InlineData(JoinKind.Concat)]
    [InlineData(JoinKind.Add)]
    public void Parallel(JoinKind join)
    {
        Linear left = Linear(5, 3), right = Linear(5, 3), end = Linear(join == JoinKind.Add ? 3 : 6, 2);
        Compare(
            [5],
            x => end.call(join == JoinKind.Add ? left.call(x).tanh() + right.call(x) : torch.cat([left.call(x).tanh(), right.call(x)], 1)),
            0,
            [("0.branches.0.0", left), ("0.branches.1.0", right), ("1", end)],
            new() { Kind = LayerKind.Parallel, Join = join, Branches = [[new() { Kind = LayerKind.Linear, Out = 3 }, new() { Kind = LayerKind.Tanh }], [new() { Kind = LayerKind.Linear, Out = 3 }]] },
            End);
    }

    [Theory]
    [InlineData(1, false, false)]
    [InlineData(2, true, false)]
    [InlineData(2, true, true)]
    public void Lstm(int depth, bool isBothWays, bool isLast)
    {
        var lstm = LSTM(3, 4, depth, batchFirst: true, bidirectional: isBothWays);
        CompareRecurrent(LayerKind.Lstm, lstm, x => lstm.call(x).Item1, depth, isBothWays, isLast);
    }

    [Theory]
    [InlineData(1, false, true)]
    [InlineData(2, true, false)]
    public void Gru(int depth, bool isBothWays, bool isLast)
    {
        var gru = GRU(3, 4, depth, batchFirst: true, bidirectional: isBothWays);
        CompareRecurrent(LayerKind.Gru, gru, x => gru.call(x).Item1, depth, isBothWays, isLast);
    }

    [Fact]
    public void Attention()
    {
        MultiheadAttention attention = MultiheadAttention(6, 2);
        Linear end = Linear(24, 2);
        Tensor? none = null;
        Compare([4, 6], x => x.transpose(0, 1) is var s ? end.call(attention.forward(s, s, s, none!, false, none!).Item1.transpose(0, 1).flatten(1)) : x, Near, [("0", attention), ("2", end)], new() { Kind = LayerKind.MultiHeadAttention, Heads = 2 }, Flat, End);
    }

    [Fact]
    public void Causal_attention_is_attention_with_a_mask()
    {
        MultiheadAttention attention = MultiheadAttention(6, 2);
        Linear end = Linear(24, 2);
        Tensor mask = torch.full([4, 4], float.NegativeInfinity).triu(1), none = null!;
        Compare([4, 6], x => x.transpose(0, 1) is var s ? end.call(attention.forward(s, s, s, none, false, mask).Item1.transpose(0, 1).flatten(1)) : x, Near, [("0", attention), ("2", end)], new() { Kind = LayerKind.MultiHeadAttention, Heads = 2, Causal = true }, Flat, End);
    }

    [Fact]
    public void A_transformer_with_norms_behind_is_torchs()
    {
        TransformerEncoder encoder = TransformerEncoder(TransformerEncoderLayer(6, 2, 10, dropout: 0), 2);
        Linear end = Linear(24, 2);
        Compare([4, 6], x => end.call(encoder.call(x.transpose(0, 1), null!, null!).transpose(0, 1).flatten(1)), 2e-6f, [("0", encoder), ("2", end)], new() { Kind = LayerKind.TransformerEncoder, Heads = 2, Depth = 2, Hidden = 10, Activation = ActivationKind.Relu, NormFirst = false }, Flat, End);
    }

    [Fact]
    public void Embedding_of_whole_numbers()
    {
        Embedding words = Embedding(7, 3);
        Linear end = Linear(3, 4);
        PlainComparison.Check(
            Of(LossKind.CrossEntropy, new LayerSpec { Kind = LayerKind.Embedding, Out = 3 }, new LayerSpec { Kind = LayerKind.GlobalAvgPool }, End),
            new TokenSource(9, 5, 7, 4, isEach: false),
            new Plain(x => end.call(words.call(x).mean([1])), ("0", words), ("2", end)),
            (output, target) => F.cross_entropy(output, target, reduction: Reduction.Sum),
            Near);
    }

    [Fact]
    public void Categories_become_vectors_and_numbers_stay()
    {
        // Columns: a number, three texts, a number, a number, two texts.
        var data = new MemoryDataSet(5, [8], 2, columns: [1, 3, 1, 1, 2]);
        PlainComparison.Check(Of(LossKind.Mse, new LayerSpec { Kind = LayerKind.CategoryEmbedding }, End), new DataSetSource(data), new CategoryNet(), Squares, Near);
    }

    [Fact]
    public void Places_are_learned_or_waves()
    {
        JobSpec job = Of(LossKind.CrossEntropy, new LayerSpec { Kind = LayerKind.Embedding, Out = 5 }, new LayerSpec { Kind = LayerKind.PositionalEncoding, Fixed = true }, new LayerSpec { Kind = LayerKind.Linear });
        using var data = new TokenSource(9, 40, 7, 4, isEach: true);
        using NeuralModel model = NeuralModel.Build(job, data.Fields, ComponentCatalog.Empty);
        var flat = new float[model.ElementCount];
        model.CopyInitial(flat);
        // Behind the parameters: an embedding of 7 times 5, and a linear layer of 4 outputs.
        int waves = 35 + 24, at = waves;
        Assert.Equal("1.waves", model.Tensors[^1].Name);
        for (int step = 0; step < 40; step++)
        {
            for (int i = 0; i < 5; i++)
            {
                double angle = step * Math.Pow(10_000, -(i / 2) / 3.0);
                Assert.Equal(i % 2 == 0 ? Math.Sin(angle) : Math.Cos(angle), flat[at++], 1e-6);
            }
        }

        // They stay, whatever is trained.
        using var trainer = new SlotTrainer(job, model, data);
        var gradient = new float[flat.Length];
        trainer.Run(0, 0, [1, 2, 3], 3, gradient);
        Assert.All(gradient[waves..], value => Assert.Equal(0f, value));
        Assert.Equal(Core.Layout.TensorKind.Parameter, NeuralModel.TensorsOf(job with { Model = job.Model with { Layers = [.. job.Model.Layers.Select(l => l with { Fixed = null })] } }, data.Fields)[1].Kind);
    }

    private static Tensor Squares(Tensor output, Tensor target) => F.mse_loss(output, target, Reduction.Sum) / 2;

    private static void Compare(int[] shape, Func<Tensor, Tensor> plain, float tolerance, (string Name, Module Module)[] modules, params LayerSpec[] layers) =>
        PlainComparison.Check(Of(LossKind.Mse, layers), new DataSetSource(new MemoryDataSet(5, shape, 2)), new Plain(plain, modules), Squares, tolerance);

    private static void CompareRecurrent(LayerKind kind, Module module, Func<Tensor, Tensor> run, int depth, bool isBothWays, bool isLast)
    {
        int width = isBothWays ? 8 : 4;
        Linear end = Linear(isLast ? width : 5 * width, 2);
        Tensor Last(Tensor x) => isBothWays ? torch.cat([x.select(1, -1).narrow(1, 0, 4), x.select(1, 0).narrow(1, 4, 4)], 1) : x.select(1, -1);
        var layer = new LayerSpec { Kind = kind, Out = 4, Depth = depth, Bidirectional = isBothWays, Last = isLast };
        if (isLast)
        {
            Compare([5, 3], x => end.call(Last(run(x))), 0, [("0", module), ("1", end)], layer, End);
        }
        else
        {
            Compare([5, 3], x => end.call(run(x).flatten(1)), 0, [("0", module), ("2", end)], layer, Flat, End);
        }
    }

    /// <summary>Columns of one, three, one, one and two numbers.</summary>
    private sealed class CategoryNet : Module<Tensor, Tensor>
    {
        private readonly Linear end = Linear(6, 2);
        private readonly Parameter first = new(torch.zeros(3, 2));
        private readonly Parameter second = new(torch.zeros(2, 1));

        public CategoryNet() : base("categories")
        {
            register_module("0", new Tables(first, second));
            register_module("1", end);
        }

        public override Tensor forward(Tensor x) => end.call(torch.cat([x.narrow(1, 0, 1), x.narrow(1, 1, 3).matmul(first), x.narrow(1, 4, 2), x.narrow(1, 6, 2).matmul(second)], 1));

        private sealed class Tables : Module
        {
            public Tables(params Parameter[] tables) : base("tables")
            {
                foreach ((int i, Parameter table) in tables.Index())
                {
                    register_module(i.ToString(System.Globalization.CultureInfo.InvariantCulture), new Table(table));
                }
            }
        }

        private sealed class Table : Module
        {
            public Table(Parameter weight) : base("table") => register_parameter("weight", weight);
        }
    }
}
