using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Sampling;
using Lockstep.Training.Tests.Own;
using TorchSharp;
using static TorchSharp.torch;

namespace Lockstep.Training.Tests.Scripted;

public sealed class ScriptedModelTests
{
    private static readonly long[] Ids = [3, 1, 4, 15, 9, 2];

    [Fact]
    public void Its_tensors_have_the_names_kinds_and_values_of_the_file()
    {
        using var own = OwnJobs.Open(ScriptedJobs.Sample);
        Assert.Equal(["first.weight", "norm.weight", "norm.bias", "head.weight", "head.bias"], own.Model.Tensors.Where(t => t.Kind == TensorKind.Parameter).Select(t => t.Name));
        Assert.Equal(["first.bias", "scale", "norm.running_mean", "norm.running_var"], own.Model.Tensors.Where(t => t.Kind == TensorKind.Buffer).Select(t => t.Name));
        Assert.Equal(2, own.Model.MinimumSlotSamples);

        float[] initial = own.Initial();
        using torch.jit.ScriptModule plain = torch.jit.load(ScriptedJobs.Model);
        Assert.All(plain.state_dict().Where(entry => entry.Value.dtype == ScalarType.Float32), entry => Assert.Equal(entry.Value.data<float>().ToArray(), own.Part(initial, entry.Key)));
        Assert.NotEqual(0, own.Part(initial, "first.bias")[0]);
    }

    [Fact]
    public void A_slot_has_the_same_bits_in_any_order_and_however_often_the_code_ran()
    {
        using var first = OwnJobs.Open(ScriptedJobs.Sample);
        using var second = OwnJobs.Open(ScriptedJobs.Sample);
        uint[][] once = [.. Enumerable.Range(0, 4).Select(slot => first.Run(5, slot, [.. Ids.Select(id => id + slot)], 24).Gradient.Bits())];
        Assert.NotEqual(once[0], once[1]);
        foreach (int slot in new[] { 3, 1, 0, 2, 1 })
        {
            // libtorch would have another form of the code after a few calls, and others for other shapes.
            second.Run(6, slot, Ids[..(2 + slot)], 24);
            second.Trainer.Evaluate([0, 1, 2]);
            Assert.Equal(once[slot], second.Run(5, slot, [.. Ids.Select(id => id + slot)], 24).Gradient.Bits());
        }
    }

    [Fact]
    public void Its_gradient_is_that_of_a_plain_loop_and_what_is_frozen_stays()
    {
        using var own = OwnJobs.Open(ScriptedJobs.Sample);
        (float[] gradient, SlotResult result) = own.Run(3, 1, Ids, 24);

        // The same file, the same samples, the same seed, without anything of ours.
        using var scope = NewDisposeScope();
        using torch.jit.ScriptModule plain = torch.jit.load(ScriptedJobs.Model);
        plain.train();
        float[][][] samples = [.. Ids.Select(id => SampleReading.ReadOne(own.Data.Train, id))];
        Tensor x = torch.tensor(samples.SelectMany(sample => sample[0]).ToArray()).view(Ids.Length, 64);
        Tensor y = torch.tensor(samples.Select(sample => (long)sample[1][0]).ToArray());
        torch.manual_seed((long)(CounterRandom.Key(ScriptedJobs.Sample.Seed, 3, 1) >> 1));
        Tensor loss = nn.functional.cross_entropy((Tensor)plain.forward(x), y, reduction: nn.Reduction.Sum);
        (loss / 24).backward();
        Assert.Equal(loss.item<float>(), result.LossSum, 1e-5);
        foreach (var (name, parameter) in plain.named_parameters().Where(entry => entry.parameter.requires_grad))
        {
            // Its tensors lie elsewhere in memory, which libtorch's kernels round by.
            Assert.All(parameter.grad!.data<float>().ToArray().Zip(own.Part(gradient, name)), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
            Assert.Contains(own.Part(gradient, name), value => value != 0);
        }

        Assert.All(own.Part(gradient, "first.bias"), value => Assert.Equal(0, value));
        float[] mean = plain.state_dict()["norm.running_mean"].data<float>().ToArray();
        Assert.All(mean.Zip(own.Part(gradient, "norm.running_mean")), pair => Assert.Equal(6f / 24 * pair.First, pair.Second, 1e-6f));
    }

    [Fact]
    public void Dropout_draws_by_step_and_slot()
    {
        using var own = OwnJobs.Open(ScriptedJobs.Sample);
        Assert.Equal(own.Run(3, 1, Ids, 24).Gradient.Bits(), own.Run(3, 1, Ids, 24).Gradient.Bits());
        Assert.NotEqual(own.Run(3, 1, Ids, 24).Gradient.Bits(), own.Run(3, 2, Ids, 24).Gradient.Bits());
    }

    [Fact]
    public void Initial_values_can_be_those_of_another_file()
    {
        using var plain = OwnJobs.Open(ScriptedJobs.Sample);
        string path = Path.GetTempFileName();
        try
        {
            Contracts.Formats.SafeTensors.Write(path, [new("head.bias", [10], [.. Enumerable.Range(0, 10).Select(i => (float)i)])], new Dictionary<string, string>());
            using var own = OwnJobs.Open(ScriptedJobs.Sample with { Model = ScriptedJobs.Sample.Model with { Weights = path, Strict = false } });
            Assert.Equal(Enumerable.Range(0, 10).Select(i => (float)i), own.Part(own.Initial(), "head.bias"));
            Assert.Equal(plain.Part(plain.Initial(), "head.weight"), own.Part(own.Initial(), "head.weight"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void What_does_not_fit_the_model_is_told_of_its_file()
    {
        using var own = OwnJobs.Open(ScriptedJobs.Sample with { Data = ScriptedJobs.Sample.Data with { Exclude = ["3"] } });
        InputError error = Assert.Single(Assert.Throws<InputException>(() => own.Run(0, 0, Ids, 24)).Errors);
        Assert.Equal((ScriptedJobs.Model, "The model's forward failed with features [6, 63] of Float32: RuntimeError: The size of tensor a (63) must match the size of tensor b (64) at non-singleton dimension 1."), (error.File, error.Message));
    }

    [Fact]
    public void What_the_loss_cannot_take_is_told()
    {
        using var own = OwnJobs.Open(ScriptedJobs.Sample with { Loss = LossKind.Mse, Metrics = [] });
        InputError error = Assert.Single(Assert.Throws<InputException>(() => own.Run(0, 0, Ids, 24)).Errors);
        Assert.Equal("The model 'model.pt' gives output [6, 10] for 6 samples, where the loss of the job needs [6, 1].", error.Message);
    }
}
