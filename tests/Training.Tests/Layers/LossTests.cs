using Lockstep.Contracts.Jobs;
using TorchSharp;
using static Lockstep.Training.Tests.Jobs;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training.Tests.Layers;

/// <summary>Losses and their numbers beside torch's own, or beside their formula.</summary>
public sealed class LossTests
{
    private static readonly LayerSpec End = new() { Kind = LayerKind.Linear };

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    public void Label_smoothing(double part) => OfClasses(new() { LabelSmoothing = part }, (output, target) => F.cross_entropy(output, target, reduction: Reduction.Sum, label_smoothing: part), 0);

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Focal_of_classes(double power) => OfClasses(
        new() { Focal = power },
        (output, target) =>
        {
            Tensor p = output.softmax(1).gather(1, target.unsqueeze(1));
            return -((1 - p).pow(power) * p.log()).sum();
        },
        2e-6f);

    [Fact]
    public void Focal_of_two_classes() => OfTwo(
        new() { Focal = 2, PosWeight = 3 },
        (output, target) =>
        {
            Tensor p = output.sigmoid(), right = (target * p) + ((1 - target) * (1 - p));
            return -((1 - right).pow(2) * (1 + (2 * target)) * right.log()).sum();
        },
        2e-6f);

    [Fact]
    public void A_weight_of_the_second_class() => OfTwo(new() { PosWeight = 7.5 }, (output, target) => F.binary_cross_entropy_with_logits(output, target, reduction: Reduction.Sum, pos_weights: torch.tensor([7.5f])), 0);

    [Theory]
    [InlineData(null)]
    [InlineData(0.25)]
    public void Huber(double? delta)
    {
        Linear end = Linear(5, 2);
        JobSpec job = Of(LossKind.Huber, End) with { LossOptions = new() { Delta = delta } };
        PlainComparison.Check(job, new DataSetSource(new MemoryDataSet(5, [5], 2)), new Plain(end.call, ("0", end)), (output, target) => F.huber_loss(output, target, delta ?? 1, Reduction.Sum) / 2, 0);
    }

    [Fact]
    public void A_model_that_is_sure_has_a_focal_gradient_that_is_finite()
    {
        JobSpec job = Of(LossKind.CrossEntropy, End) with { LossOptions = new() { Focal = 0.5 } };
        using var data = new GivenDataSet([[1000], [-1000]], [[0], [1]], classes: 2);
        using NeuralModel model = NeuralModel.Build(job, [1], 2);
        using var trainer = new SlotTrainer(job, model, data);
        model.Load([1, -1, 0, 0]);
        var gradient = new float[4];
        Assert.Equal(0, trainer.Run(0, 0, [0, 1], 2, gradient).LossSum);
        Assert.Equal([0f, 0, 0, 0], gradient);
    }

    [Fact]
    public void A_sequences_loss_is_the_mean_over_its_positions()
    {
        var words = Embedding(6, 3);
        Linear end = Linear(3, 6);
        PlainComparison.Check(
            Of(LossKind.CrossEntropy, new LayerSpec { Kind = LayerKind.Embedding, Out = 3 }, End),
            new TokenSource(9, 4, 6, 6, isEach: true),
            new Plain(x => end.call(words.call(x)), ("0", words), ("1", end)),
            (output, target) => F.cross_entropy(output.view(-1, 6), target.view(-1), reduction: Reduction.Sum) / 4,
            1e-6f);
    }

    private static void OfClasses(LossOptions options, Func<Tensor, Tensor, Tensor> loss, float tolerance)
    {
        Linear end = Linear(5, 3);
        PlainComparison.Check(Of(LossKind.CrossEntropy, End) with { LossOptions = options }, new DataSetSource(new MemoryDataSet(5, [5], classes: 3)), new Plain(end.call, ("0", end)), loss, tolerance);
    }

    private static void OfTwo(LossOptions options, Func<Tensor, Tensor, Tensor> loss, float tolerance)
    {
        Linear end = Linear(5, 1);
        PlainComparison.Check(Of(LossKind.BinaryCrossEntropy, End) with { LossOptions = options }, new DataSetSource(new MemoryDataSet(5, [5], classes: 2)), new Plain(end.call, ("0", end)), loss, tolerance);
    }
}
