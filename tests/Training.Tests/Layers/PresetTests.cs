using Lockstep.Abstractions;
using Lockstep.Contracts.Jobs;
using TorchSharp;
using TorchSharp.Modules;
using static Lockstep.Training.Tests.Jobs;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training.Tests.Layers;

/// <summary>Presets beside plain networks of torch, and their slots.</summary>
public sealed class PresetTests
{
    private static readonly IDataSource Text = new TokenSource(24, 6, 9, 9, isEach: true);

    public static TheoryData<string> Presets => ["mlp", "cnn", "resnet", "transformer", "tabular", "recurrent"];

    [Fact]
    public void Resnet()
    {
        var modules = new List<(string, Module)>();
        T Add<T>(string name, T module) where T : Module
        {
            modules.Add((name, module));
            return module;
        }

        Module<Tensor, Tensor> Block(string at, int from, int to)
        {
            int stride = from == to ? 1 : 2;
            Conv2d one = Add($"{at}.layers.0", Conv2d(from, to, 3, stride: stride, padding: 1, bias: false)), two = Add($"{at}.layers.3", Conv2d(to, to, 3, padding: 1, bias: false));
            BatchNorm2d first = Add($"{at}.layers.1", BatchNorm2d(to)), second = Add($"{at}.layers.4", BatchNorm2d(to));
            Conv2d? side = from == to ? null : Add($"{at}.shortcut.0", Conv2d(from, to, 1, stride: 2, bias: false));
            BatchNorm2d? sideNorm = from == to ? null : Add($"{at}.shortcut.1", BatchNorm2d(to));
            return new Plain(x => F.relu(second.call(two.call(F.relu(first.call(one.call(x))))) + (side is null ? x : sideNorm!.call(side.call(x)))));
        }

        Conv2d stem = Add("0", Conv2d(3, 4, 3, padding: 1, bias: false));
        BatchNorm2d stemNorm = Add("1", BatchNorm2d(4));
        Module<Tensor, Tensor> block1 = Block("3", 4, 4), block2 = Block("5", 4, 8), block3 = Block("7", 8, 16);
        Linear end = Add("10", Linear(16, 3));
        JobSpec job = Of(LossKind.CrossEntropy) with { Model = new() { Preset = "resnet", Depth = 1, Width = 4 } };
        PlainComparison.Check(
            job,
            new DataSetSource(new MemoryDataSet(5, [3, 12, 12], classes: 3)),
            new Plain(x => end.call(block3.call(block2.call(block1.call(F.relu(stemNorm.call(stem.call(x)))))).mean([2, 3])), [.. modules]),
            (output, target) => F.cross_entropy(output, target, reduction: Reduction.Sum),
            0);
    }

    [Fact]
    public void Transformer()
    {
        Embedding words = Embedding(9, 8);
        var places = new Places();
        MultiheadAttention attention = MultiheadAttention(8, 2);
        Linear first = Linear(8, 32), second = Linear(32, 8), end = Linear(8, 9);
        LayerNorm norm1 = LayerNorm(8), norm2 = LayerNorm(8), norm = LayerNorm(8);
        Tensor mask = torch.full([6, 6], float.NegativeInfinity).triu(1), none = null!;
        Tensor Attend(Tensor x) => x.transpose(0, 1) is var s ? attention.forward(s, s, s, none, false, mask).Item1.transpose(0, 1) : x;
        PlainComparison.Check(
            Of(LossKind.CrossEntropy) with { Model = new() { Preset = "transformer", Depth = 1, Width = 8, Heads = 2 } },
            Text,
            new Plain(
                tokens =>
                {
                    Tensor x = places.call(words.call(tokens));
                    x += Attend(norm1.call(x));
                    x += second.call(F.gelu(first.call(norm2.call(x))));
                    return end.call(norm.call(x));
                },
                ("0", words), ("1", places), ("2.layers.0.self_attn", attention), ("2.layers.0.linear1", first), ("2.layers.0.linear2", second), ("2.layers.0.norm1", norm1), ("2.layers.0.norm2", norm2), ("2.norm", norm), ("3", end)),
            (output, target) => F.cross_entropy(output.reshape(-1, 9), target.view(-1), reduction: Reduction.Sum) / 6,
            2e-6f);
    }

    [Theory]
    [MemberData(nameof(Presets))]
    public void A_slot_has_the_same_bits_in_any_order_and_memory_stays_flat(string preset)
    {
        (JobSpec job, IDataSource data) = Case(preset);
        using NeuralModel one = NeuralModel.Build(job, data.Fields, ComponentCatalog.Empty), other = NeuralModel.Build(job, data.Fields, ComponentCatalog.Empty);
        using var first = new SlotTrainer(job, one, data, data);
        using var second = new SlotTrainer(job, other, data, data);
        float[][] inOrder = [.. Enumerable.Range(0, 4).Select(slot => Gradient(first, slot))];
        Assert.Equal(one.Tensors, NeuralModel.TensorsOf(job, data.Fields), (a, b) => (a.Name, a.Kind) == (b.Name, b.Kind) && a.Shape.SequenceEqual(b.Shape));
        Disturbed();
        long live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Disturbed();
        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Disturbed()
        {
            foreach (int slot in new[] { 3, 1, 0, 2, 1, 3 })
            {
                second.Run(6, slot, [0, 5, 9], 24, new float[one.ElementCount]);
                second.Evaluate([1, 2, 3, 4]);
                Assert.Equal(inOrder[slot].Bits(), Gradient(second, slot).Bits());
            }
        }

        static float[] Gradient(SlotTrainer trainer, int slot)
        {
            var gradient = new float[trainer.ElementCount];
            trainer.Run(5, slot, [.. Enumerable.Range(slot * 6, 6).Select(i => (long)i)], 24, gradient);
            return gradient;
        }
    }

    private static (JobSpec Job, IDataSource Data) Case(string preset) => preset switch
    {
        "recurrent" => (Of(LossKind.CrossEntropy, new LayerSpec { Kind = LayerKind.Embedding, Out = 5 }, new LayerSpec { Kind = LayerKind.Lstm, Out = 4, Depth = 2, P = 0.3 }, new LayerSpec { Kind = LayerKind.Gru, Out = 4 }, new LayerSpec { Kind = LayerKind.Linear }), Text),
        "transformer" => (Preset(preset) with { Model = new() { Preset = preset, Width = 8, Heads = 2, Dropout = 0.2 } }, Text),
        "tabular" => (Preset(preset) with { Model = new() { Preset = preset, Dropout = 0.2 } }, new DataSetSource(new MemoryDataSet(24, [7], classes: 3, columns: [1, 4, 1, 1]))),
        "mlp" => (Preset(preset) with { Model = new() { Preset = preset, Hidden = [8] } }, new DataSetSource(new MemoryDataSet(24, [7], classes: 3))),
        _ => (Preset(preset), new DataSetSource(new MemoryDataSet(24, [1, 12, 12], classes: 3))),
    };

    private static JobSpec Preset(string preset) => Of(LossKind.CrossEntropy) with { Model = new() { Preset = preset }, Metrics = [MetricKind.Accuracy] };

    private sealed class Places : Module<Tensor, Tensor>
    {
        private readonly Parameter weight = new(torch.zeros(6, 8));

        public Places() : base("places") => RegisterComponents();

        public override Tensor forward(Tensor x) => x + weight;
    }
}
