using Lockstep.Abstractions;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Training.Tests.Layers;

/// <summary>What does not fit is told with its line, its layer and what to do, before a tensor is made.</summary>
public sealed class LayerShapeTests
{
    [Theory]
    [InlineData("[3, 8, 8]", "lstm, out: 4", "Layer 1 (lstm) needs a sequence, [steps, width]; its input is [3, 8, 8].", "begin with an embedding")]
    [InlineData("[192]", "conv1d, out: 4", "Layer 1 (conv1d) needs a sequence, [steps, width]; its input is [192].", "'input'")]
    [InlineData("[8, 24]", "multi-head-attention, heads: 5", "cannot share a width of 24 among 5 heads", "divides the width")]
    [InlineData("[8, 24]", "transformer-encoder, heads: 7", "Layer 1 (transformer-encoder) cannot share a width of 24 among 7 heads", "divides the width")]
    [InlineData("[8, 24]", "group-norm, groups: 5", "cannot cut 24 channels into 5 groups of one size", "divides the channels")]
    [InlineData("[192]", "group-norm, groups: 192", "has groups of one number", "smaller")]
    [InlineData("[8, 24]", "conv1d, out: 4, kernel: 9", "has a window of 9, larger than its input of 8 with padding 0", "smaller")]
    [InlineData("[8, 24]", "batch-norm", "needs one feature or channel dimension", "batch-norm1d")]
    [InlineData("[3, 8, 8]", "batch-norm1d", "needs features or a sequence", "batch-norm")]
    [InlineData("[192]", "global-avg-pool", "needs [channels, height, width] or a sequence", "Remove")]
    [InlineData("[8, 24]", "lstm, out: 4, p: 0.5", "has a probability that has nothing to zero", "'depth' above 1")]
    [InlineData("[192]", "embedding, out: 4", "has no 'size', and the data do not say how many", "'size'")]
    [InlineData("[8, 24]", "embedding, out: 4, size: 5", "needs whole numbers in a row", "'input'")]
    [InlineData("[192]", "category-embedding", "finds no categories in the data", "data.categories")]
    [InlineData("[192]", "positional-encoding", "needs a sequence", "embedding")]
    [InlineData("[192]", "residual, layers: [{kind: linear, out: 4}]", "Layer 1 (residual) adds [4], which its layers give, to [192]", "'shortcut'")]
    [InlineData("[192]", "residual, layers: [{kind: linear, out: 4}], shortcut: [{kind: linear, out: 5}]", "adds [4], which its layers give, to [5]", "same shape")]
    [InlineData("[192]", "residual, layers: [relu, {kind: conv2d, out: 4}]", "Layer 1.2 (conv2d) needs [channels, height, width]", "flatten")]
    [InlineData("[192]", "residual, layers: [{kind: linear, out: 192}], shortcut: [lstm]", "", "")]
    [InlineData("[192]", "parallel, branches: [[relu]]", "has fewer than two branches", "'branches'")]
    [InlineData("[3, 8, 8]", "parallel, branches: [[flatten], [relu]]", "cannot join [192] and [3, 8, 8]", "channels alone")]
    [InlineData("[192]", "parallel, join: add, branches: [[relu], [{kind: linear, out: 4}]]", "cannot add [192] and [4]", "one shape")]
    [InlineData("[192]", "parallel, branches: [[relu], [tanh, {kind: lstm, out: 3}]]", "Layer 1.2.2 (lstm) needs a sequence", "embedding")]
    [InlineData("[192]", "linear, out: 4}, {kind: embedding, out: 2, size: 3", "Layer 2 (embedding) does not come first", "first layer")]
    public void Layers_that_do_not_fit_are_named(string input, string layer, string message, string remedy)
    {
        if (message.Length == 0)
        {
            // The reader says so.
            Assert.Contains("needs 'out'", Assert.Throws<InputException>(() => Read(input, layer)).Message, StringComparison.Ordinal);
            return;
        }

        InputError error = Assert.Single(Assert.Throws<InputException>(() => NeuralModel.TensorsOf(Read(input, layer), [DataField.Input("features", 192), DataField.Label("label", 1)])).Errors);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
        Assert.Equal(5, error.Line);
    }

    [Fact]
    public void Whole_numbers_need_an_embedding_that_is_large_enough()
    {
        DataField[] fields = [DataField.Indexes("tokens", 192) with { Classes = 9 }, DataField.Label("label", 1)];
        string Error(string layer) => Assert.Throws<InputException>(() => NeuralModel.TensorsOf(Read("[192]", layer), fields)).Message;
        Assert.Contains("Layer 1 (linear) takes numbers, and the data are whole numbers that stand for something", Error("linear, out: 1"), StringComparison.Ordinal);
        Assert.Contains("has a size of 8, and 9 whole numbers come in", Error("embedding, out: 1, size: 8"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_parameters_is_refused() =>
        Assert.Contains("The model has no parameter to train.", Assert.Throws<InputException>(() => NeuralModel.TensorsOf(Read("[192]", "relu"), [DataField.Input("features", 192), DataField.Label("label", 192)])).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0.5f, "The embedding takes whole numbers, and the data have others.")]
    [InlineData(4f, "The embedding takes 0 to 3, and the data have 0 to 4.")]
    [InlineData(-1f, "The embedding takes 0 to 3, and the data have -1 to 0.")]
    public void An_embedding_says_which_numbers_it_cannot_take(float value, string message)
    {
        JobSpec job = Jobs.Of(LossKind.Mse, new LayerSpec { Kind = LayerKind.Embedding, Out = 2, Size = 4, Line = 12 }, new LayerSpec { Kind = LayerKind.Flatten }, new LayerSpec { Kind = LayerKind.Linear });
        using var data = new GivenDataSet([[0, value], [1, 1]], [[1], [2]]);
        using NeuralModel model = NeuralModel.Build(job, [2], 1);
        using var trainer = new SlotTrainer(job, model, data);
        InputError error = Assert.Single(Assert.Throws<InputException>(() => trainer.Run(0, 0, [0], 1, new float[model.ElementCount])).Errors);
        Assert.Equal((message, 12), (error.Message, error.Line));
    }

    private static JobSpec Read(string input, string layer) => JobFile.Parse(
        $$"""
        name: test
        model:
          input: {{input}}
          layers:
            [{kind: {{layer}}}]
        data: {format: csv, train: data.csv, labels: [y]}
        loss: mse
        epochs: 1
        """,
        "job.yaml",
        AppContext.BaseDirectory,
        []);
}
