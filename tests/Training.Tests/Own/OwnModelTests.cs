using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using TorchSharp;
using static TorchSharp.torch;

namespace Lockstep.Training.Tests.Own;

public sealed class OwnModelTests
{
    private static readonly long[] Ids = [3, 1, 4, 15, 9, 2];

    [Fact]
    public void A_slot_has_the_same_bits_in_any_order_and_on_any_trainer()
    {
        using var first = OwnJobs.Open(OwnJobs.Residual);
        using var second = OwnJobs.Open(OwnJobs.Residual with { Data = OwnJobs.Residual.Data with { Validation = typeof(OwnModelTests).Assembly.Location } });
        Assert.Equal(first.Initial().Bits(), second.Initial().Bits());
        uint[][] inOrder = [.. Enumerable.Range(0, 4).Select(slot => first.Run(5, slot, [.. Ids.Select(id => id + slot)], 24).Gradient.Bits())];
        foreach (int slot in new[] { 3, 1, 0, 2, 1 })
        {
            second.Run(6, slot, Ids, 24);
            second.Trainer.Evaluate([0, 1, 2]);
            Assert.Equal(inOrder[slot], second.Run(5, slot, [.. Ids.Select(id => id + slot)], 24).Gradient.Bits());
        }
    }

    [Fact]
    public void Parameters_and_buffers_are_found_by_their_nested_names()
    {
        using var own = OwnJobs.Open(OwnJobs.Residual);
        Assert.Equal(["first.weight", "first.bias", "block.inner.weight", "block.inner.bias", "block.norm.weight", "block.norm.bias", "block.norm.running_mean", "block.norm.running_var", "last.weight", "last.bias"], own.Model.Tensors.Select(t => t.Name).OrderBy(Place));
        Assert.Equal(2, own.Model.Tensors.Count(t => t.Kind == TensorKind.Buffer));
        Assert.Equal(2, own.Model.MinimumSlotSamples);
        static int Place(string name) => name switch { _ when name.StartsWith("first", StringComparison.Ordinal) => 0, _ when name.Contains("inner", StringComparison.Ordinal) => 1, _ when name.Contains("norm", StringComparison.Ordinal) => 2, _ => 3 };
    }

    [Fact]
    public void Its_gradient_is_that_of_a_plain_loop()
    {
        JobSpec job = OwnJobs.Residual;
        using var own = OwnJobs.Open(job);
        (float[] gradient, SlotResult result) = own.Run(3, 1, Ids, 24);

        // The same module, the same values, the same seed, without anything of ours.
        using var scope = NewDisposeScope();
        float[] initial = own.Initial();
        using var plain = new ResidualNet(new Abstractions.ModelContext(own.Data.Train.Fields, 3, new Abstractions.ComponentOptions(new Dictionary<string, string>())));
        plain.train();
        using (no_grad())
        {
            foreach (var (name, tensor) in plain.state_dict().Where(entry => entry.Value.dtype == ScalarType.Float32))
            {
                tensor.copy_(torch.tensor(own.Part(initial, name)).view(tensor.shape));
            }
        }

        var x = torch.tensor(Ids.SelectMany(id => Enumerable.Range(0, 4).Select(i => MathF.Sin((id * 4) + i))).ToArray()).view(Ids.Length, 4);
        var y = torch.tensor(Ids.Select(id => id % 3).ToArray());
        torch.manual_seed((long)(Core.Sampling.CounterRandom.Key(job.Seed, 3, 1) >> 1));
        Tensor loss = nn.functional.cross_entropy(plain.call(x), y, reduction: nn.Reduction.Sum);
        (loss / 24).backward();
        Assert.Equal(loss.item<float>(), result.LossSum, 1e-5);
        foreach (var (name, parameter) in plain.named_parameters())
        {
            // Its tensors lie elsewhere in memory, which libtorch's kernels round by.
            Assert.All(parameter.grad!.data<float>().ToArray().Zip(own.Part(gradient, name)), pair => Assert.Equal(pair.First, pair.Second, 1e-7f));
        }

        float[] mean = plain.state_dict()["block.norm.running_mean"].data<float>().ToArray();
        Assert.All(mean.Zip(own.Part(gradient, "block.norm.running_mean")), pair => Assert.Equal(6f / 24 * pair.First, pair.Second, 1e-7f));
    }

    [Fact]
    public void Several_inputs_shared_frozen_and_unused_parameters_and_a_loss_of_its_own_do()
    {
        JobSpec job = OwnJobs.Pair with { Model = OwnJobs.Pair.Model with { Metrics = ["distance"] }, Data = OwnJobs.Pair.Data with { Split = 0.25 } };
        using var own = OwnJobs.Open(job);
        string[] names = [.. own.Model.Tensors.Select(t => t.Name)];
        Assert.Single(names, name => name.EndsWith(".weight", StringComparison.Ordinal) && name != "words.weight");
        Assert.Equal(TensorKind.Buffer, own.Model.Tensors.Single(t => t.Name == "frozen").Kind);
        (float[] gradient, _) = own.Run(0, 0, [0, 1, 2], 3);
        Assert.All(own.Part(gradient, "frozen").Concat(own.Part(gradient, "unused")).Concat(own.Part(gradient, "mask")), value => Assert.Equal(0, value));
        Assert.Contains(own.Part(gradient, "mix.weight"), value => value != 0);
        Assert.Equal(18, own.Data.Train.Count);
        var part = own.Trainer.Evaluate([0, 1, 2, 3, 4, 5]);
        Assert.InRange(Core.Metrics.MetricMath.Finish(Core.Metrics.MetricLayout.Of(job, 0, own.Data.LabelColumns), [], [part]).Values["distance"], 0.01, 10);
    }

    [Fact]
    public void Classes_of_a_source_of_ones_own_are_weighed_and_measured_by_their_numbers()
    {
        JobSpec job = OwnJobs.Residual with
        {
            Metrics = [MetricKind.Accuracy, MetricKind.F1, MetricKind.Confusion],
            ClassWeights = new ClassWeights(new Dictionary<string, double> { ["0"] = 2, ["1"] = 2, ["2"] = 2 }),
            Data = OwnJobs.Residual.Data with { Split = 0.25 },
        };
        using var own = OwnJobs.Open(job);
        using var plain = OwnJobs.Open(job with { ClassWeights = null });
        Assert.Equal(["0", "1", "2"], own.Data.ClassNames());
        Assert.Equal(2 * plain.Run(0, 0, Ids, 6).Result.LossSum, own.Run(0, 0, Ids, 6).Result.LossSum, 1e-4);
        var measured = Core.Metrics.MetricMath.Finish(Core.Metrics.MetricLayout.Of(job, 3, own.Data.LabelColumns), own.Data.ClassNames(), [own.Trainer.Evaluate([0, 1, 2, 3, 4, 5])]);
        Assert.Equal(["loss", "accuracy", "f1"], measured.Values.Keys);
        Assert.Equal(6, measured.Details!.Classes!.Sum(c => c.Samples));
        Assert.Equal(6, measured.Details.Confusion!.Sum(row => row.Sum()));

        ClassWeights unknown = new(new Dictionary<string, double> { ["3"] = 2 });
        Assert.Contains("'classWeights' names '3', which is no class", Assert.Throws<InputException>(() => own.Data.ClassWeights(unknown)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("constructor", "OwnNets.cs", "The constructor of the model 'bad' failed: InvalidOperationException: no such thing.")]
    [InlineData("unregistered", "job file", "no parameter to train")]
    [InlineData("random", "job file", "has other initial values each time that it is constructed")]
    [InlineData("late", "job file", "has other tensors after its forward pass than before it: late.")]
    [InlineData("forward", "OwnNets.cs", "The forward pass of the model 'bad' failed: InvalidOperationException: forward is broken.")]
    [InlineData("shape", "OwnNets.cs", "The forward pass of the model 'bad' failed: ExternalException: ")]
    [InlineData("outputs", "job file", "gives output [6, 7] for 6 samples, where the loss of the job needs [6, 3]")]
    [InlineData("detached", "job file", "The gradient of the model 'bad' failed: ")]
    public void What_a_module_does_wrong_is_told_where_it_stands(string fault, string file, string message)
    {
        InputError error = Assert.Single(Assert.Throws<InputException>(() =>
        {
            using var own = OwnJobs.Open(OwnJobs.Bad(fault));
            own.Run(0, 0, Ids, 24);
        }).Errors);
        Assert.EndsWith(file, error.File, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(file == "OwnNets.cs", error.Line > 0);
        Assert.DoesNotContain("   at ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_job_asks_of_a_module_that_it_does_not_have_is_told()
    {
        Assert.Contains("has no model 'nobody'; it has bad, pair, residual", Error(OwnJobs.Job("nobody", "made", LossKind.CrossEntropy)), StringComparison.Ordinal);
        Assert.Contains("has no loss of its own", Error(OwnJobs.Job("bad", "made", LossKind.Model, ("fault", "none"))), StringComparison.Ordinal);
        Assert.Contains("cannot be had with the loss model", Error(OwnJobs.Pair with { Metrics = [MetricKind.Accuracy] }), StringComparison.Ordinal);
        Assert.Contains("has no metric nothing; it has distance", Error(OwnJobs.Pair with { Model = OwnJobs.Pair.Model with { Metrics = ["nothing"] } }), StringComparison.Ordinal);
        Assert.Contains("takes 1 tensor, and the data have 2 inputs", Error(OwnJobs.Job("residual", "pairs", LossKind.Mse)), StringComparison.Ordinal);
        Assert.Contains("does not read the option widht of 'model.options'. It reads width.", Error(OwnJobs.Job("residual", "made", LossKind.CrossEntropy, ("widht", "3"))), StringComparison.Ordinal);
        Assert.Contains("The option 'width' is 'a', which is no whole number.", Error(OwnJobs.Job("residual", "made", LossKind.CrossEntropy, ("width", "a"))), StringComparison.Ordinal);
        Assert.Contains("layers of the job file take one.", Error(OwnJobs.Job("residual", "pairs", LossKind.Mse) with { Model = new ModelSpec { Preset = "mlp" } }), StringComparison.Ordinal);

        static string Error(JobSpec job) => Assert.Throws<InputException>(() => OwnJobs.Open(job).Dispose()).Message;
    }

    [Fact]
    public void Initial_values_come_from_a_file_by_name_and_what_does_not_fit_is_listed()
    {
        string path = Path.Combine(Path.GetTempPath(), $"weights-{Guid.NewGuid():N}.safetensors");
        try
        {
            SafeTensors.Write(path, [new NamedTensor("head.bias", [3], [1, 2, 3]), new NamedTensor("first.weight", [2, 2], new float[4]), new NamedTensor("other", [1], [1])], new Dictionary<string, string>());
            ModelSpec model = OwnJobs.Residual.Model with { Weights = path, WeightNames = new Dictionary<string, string> { ["last.bias"] = "head.bias" } };
            string refused = Assert.Throws<InputException>(() => OwnJobs.Open(OwnJobs.Residual with { Model = model })).Message;
            Assert.Contains("first.weight is [2, 2] in the file and [8, 4] in the model", refused, StringComparison.Ordinal);
            Assert.Contains("other is in the file only", refused, StringComparison.Ordinal);
            Assert.Contains("last.weight is not in the file", refused, StringComparison.Ordinal);

            using var plain = OwnJobs.Open(OwnJobs.Residual);
            using var fine = OwnJobs.Open(OwnJobs.Residual with { Model = model with { Strict = false } });
            Assert.Equal([1, 2, 3], fine.Part(fine.Initial(), "last.bias"));
            Assert.Equal(plain.Part(plain.Initial(), "first.weight"), fine.Part(fine.Initial(), "first.weight"));
            Assert.Contains("other is in the file only", fine.Model.Misfits);
            Assert.Contains("names nothing, which the model does not have", Assert.Throws<InputException>(() => OwnJobs.Open(OwnJobs.Residual with { Model = model with { WeightNames = new Dictionary<string, string> { ["nothing"] = "x" } } })).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
