using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Data;
using TorchSharp;
using static Lockstep.Training.Tests.Jobs;

namespace Lockstep.Training.Tests;

public class SlotTrainerTests
{
    private static readonly JobSpec DropoutMlp = Of(LossKind.CrossEntropy, Layer(LayerKind.Linear, 16), Layer(LayerKind.BatchNorm), Layer(LayerKind.Relu), Layer(LayerKind.Dropout, p: 0.3), Layer(LayerKind.Linear, 3)) with { Metrics = [MetricKind.Accuracy] };
    private static readonly JobSpec Convolution = Of(LossKind.CrossEntropy, Layer(LayerKind.Conv2d, 4, 3, padding: 1), Layer(LayerKind.BatchNorm), Layer(LayerKind.Relu), Layer(LayerKind.MaxPool2d, kernel: 2), Layer(LayerKind.Flatten), Layer(LayerKind.Dropout, p: 0.5), Layer(LayerKind.Linear, 3));

    public static TheoryData<string> Kinds => ["mlp", "cnn"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_slot_has_the_same_bits_in_any_order_and_on_any_trainer(string kind)
    {
        var (job, data) = Case(kind);
        using var first = Trainer(job, data);
        using var second = Trainer(job, data);
        var inOrder = Enumerable.Range(0, 4).Select(slot => Gradient(first, 5, slot, Ids(slot), 24)).ToArray();
        foreach (var slot in new[] { 3, 1, 0, 2, 1, 3 })
        {
            Gradient(second, 6, slot, Ids(slot), 24);
            Assert.Equal(inOrder[slot].Bits(), Gradient(second, 5, slot, Ids(slot), 24).Bits());
        }

        Assert.NotEqual(inOrder[0].Bits(), Gradient(first, 6, 0, Ids(0), 24).Bits());
        static long[] Ids(int slot) => [.. Enumerable.Range(slot * 6, 6).Select(i => (long)i)];
    }

    [Fact]
    public void Slots_add_up_to_the_whole_batch()
    {
        var data = new MemoryDataSet(20, [10], 2);
        foreach (var loss in new[] { LossKind.Mse, LossKind.Mae })
        {
            using var trainer = Trainer(Of(loss, Layer(LayerKind.Linear, 8), Layer(LayerKind.Tanh), Layer(LayerKind.Linear, 2)), data);
            var whole = Gradient(trainer, 0, 0, [.. Enumerable.Range(0, 20).Select(i => (long)i)], 20);
            var parts = new[] { Enumerable.Range(0, 7), Enumerable.Range(7, 12), Enumerable.Range(19, 1), [] }.Select((ids, slot) => Gradient(trainer, 0, slot, [.. ids.Select(i => (long)i)], 20)).ToArray();
            for (var i = 0; i < whole.Length; i++)
            {
                Assert.Equal(whole[i], parts.Sum(p => (double)p[i]), 1e-6);
            }
        }
    }

    [Fact]
    public void Errors_are_measured_in_the_labels_own_unit()
    {
        JobSpec job = Of(LossKind.Mse, Layer(LayerKind.Linear, 2)) with { Metrics = [MetricKind.Mae, MetricKind.Rmse] };
        double[] Parts(LabelScale[]? scales)
        {
            var data = new MemoryDataSet(6, [3], 2, labelScales: scales);
            using var model = NeuralModel.Build(job, data.SampleShape, NeuralModel.OutputsFor(job, data));
            using var trainer = new SlotTrainer(job, model, data, data);
            return trainer.Evaluate([0, 1, 2, 3, 4, 5]).Parts;
        }

        double[] plain = Parts(null), scaled = Parts([new(1000, 5), new(1000, -5)]);
        Assert.Equal(plain[0] * 1000, scaled[0], 1e-6);
        Assert.Equal(plain[1] * 1e6, scaled[1], 1e-3);
    }

    [Fact]
    public void Equals_the_gradient_of_torchs_mean_loss()
    {
        var data = new MemoryDataSet(12, [5], classes: 3);
        using var trainer = Trainer(Of(LossKind.CrossEntropy, Layer(LayerKind.Linear, 3)), data);
        var flat = new float[trainer.ElementCount];
        trainer.CopyInitial(flat);
        var ids = Enumerable.Range(0, 12).Select(i => (long)i).ToArray();
        var ours = Gradient(trainer, 0, 0, ids, 12);

        var features = new float[60];
        var labels = new float[12];
        data.Read(ids, features, labels);
        using var weight = torch.tensor(flat.AsSpan(0, 15).ToArray(), [3, 5], requires_grad: true);
        using var bias = torch.tensor(flat.AsSpan(15).ToArray(), requires_grad: true);
        using var loss = torch.nn.functional.cross_entropy(torch.nn.functional.linear(torch.tensor(features, [12, 5]), weight, bias), torch.tensor(labels).to_type(torch.ScalarType.Int64));
        loss.backward();
        var theirs = weight.grad!.data<float>().ToArray().Concat(bias.grad!.data<float>().ToArray()).ToArray();
        for (var i = 0; i < theirs.Length; i++)
        {
            Assert.Equal(theirs[i], ours[i], 1e-6f);
        }
    }

    [Fact]
    public void Batch_norm_buffers_move_from_v_by_the_slots_share()
    {
        var data = new MemoryDataSet(6, [2]);
        using var model = NeuralModel.Build(Of(LossKind.Mse, Layer(LayerKind.BatchNorm), Layer(LayerKind.Linear, 1)), [2], 1);
        using var trainer = new SlotTrainer(Of(LossKind.Mse), model, data);
        var flat = new float[trainer.ElementCount];
        trainer.CopyInitial(flat);
        var meanAt = (int)model.Tensors.TakeWhile(t => !t.Name.EndsWith("running_mean", StringComparison.Ordinal)).Sum(t => t.Elements);
        flat[meanAt] = 0.5f;
        trainer.Load(flat);
        var gradient = new float[flat.Length];
        var before = trainer.Run(0, 0, [0, 1, 2, 3], 6, gradient);
        var again = new float[flat.Length];
        Assert.Equal(before.LossSum, trainer.Run(0, 0, [0, 1, 2, 3], 6, again).LossSum);
        Assert.Equal(gradient, again);

        var features = new float[8];
        data.Read([0, 1, 2, 3], features, new float[4]);
        var mean = (features[0] + features[2] + features[4] + features[6]) / 4;
        Assert.Equal(4.0 / 6 * 0.1 * (mean - 0.5), gradient[meanAt], 1e-6);
        Assert.Equal(TensorKind.Buffer, model.Tensors.Single(t => t.Name == "0.running_var").Kind);
        Assert.Equal(2, model.MinimumSlotSamples);
    }

    [Fact]
    public void Version_0_of_batch_norm_is_torchs_wherever_it_stands()
    {
        using var model = NeuralModel.Build(Of(LossKind.Mse, Layer(LayerKind.Linear, 5), Layer(LayerKind.BatchNorm), Layer(LayerKind.Linear, 7), Layer(LayerKind.BatchNorm), Layer(LayerKind.Linear, 1)), [2], 1);
        var flat = new float[model.ElementCount];
        model.CopyInitial(flat);
        var offset = 0;
        foreach (var tensor in model.Tensors)
        {
            var values = flat.AsSpan(offset, (int)tensor.Elements).ToArray();
            offset += values.Length;
            var part = tensor.Name[2..];
            if (tensor.Name[0] is '1' or '3')
            {
                Assert.All(values, value => Assert.Equal(part is "weight" or "running_var" ? 1f : 0f, value));
            }
            else
            {
                Assert.All(values, value => Assert.InRange(Math.Abs(value), float.Epsilon, 0.8f));
            }
        }
    }

    [Fact]
    public void Evaluation_neither_drops_nor_moves_buffers()
    {
        var (job, data) = Case("mlp");
        using var trainer = Trainer(job, data);
        var quiet = Gradient(trainer, 0, 0, [0, 1, 2], 3);
        var first = trainer.Evaluate([0, 1, 2, 3]);
        Assert.Equal(first.LossSum, trainer.Evaluate([0, 1, 2, 3]).LossSum);
        Assert.Equal(4, first.Samples);
        Assert.Single(first.Parts);
        Assert.Equal(quiet.Bits(), Gradient(trainer, 0, 0, [0, 1, 2], 3).Bits());
    }

    [Fact]
    public void Finite_differences_agree_for_every_layer_and_loss()
    {
        LayerSpec[] image = [Layer(LayerKind.Conv2d, 3, 3, stride: 2, padding: 1), Layer(LayerKind.Gelu), Layer(LayerKind.BatchNorm), Layer(LayerKind.AvgPool2d, kernel: 2, stride: 1), Layer(LayerKind.LayerNorm), Layer(LayerKind.MaxPool2d, kernel: 2, stride: 1), Layer(LayerKind.Sigmoid), Layer(LayerKind.Flatten), Layer(LayerKind.Linear, 4, bias: false), Layer(LayerKind.Softmax), Layer(LayerKind.Tanh), Layer(LayerKind.Linear)];
        Check(Of(LossKind.Mse, image), new(5, [2, 7, 7], 2), 2);
        Check(Of(LossKind.Mae, image), new(5, [2, 7, 7], 1), 1);
        Check(Of(LossKind.CrossEntropy, image), new(5, [2, 7, 7], classes: 3), 3);
        Check(Of(LossKind.BinaryCrossEntropy, image), new(5, [2, 7, 7], classes: 2), 1);

        static void Check(JobSpec job, MemoryDataSet data, int outputs)
        {
            using var model = NeuralModel.Build(job, data.SampleShape, outputs);
            using var trainer = new SlotTrainer(job, model, data);
            var flat = new float[trainer.ElementCount];
            trainer.CopyInitial(flat);
            var gradient = Gradient(trainer, 0, 0, [0, 1, 2, 3, 4], 5);
            var parameters = model.Tensors.SelectMany(t => Enumerable.Repeat(t.Kind, (int)t.Elements)).ToArray();
            var scratch = new float[flat.Length];
            for (var i = 0; i < flat.Length; i += 5)
            {
                if (parameters[i] == TensorKind.Parameter)
                {
                    Assert.Equal((LossAt(i, 0.004f) - LossAt(i, -0.004f)) / 0.008, gradient[i], 2e-3);
                }
            }

            double LossAt(int index, float delta)
            {
                flat.CopyTo(scratch, 0);
                scratch[index] += delta;
                trainer.Load(scratch);
                return trainer.Run(0, 0, [0, 1, 2, 3, 4], 5, new float[flat.Length]).LossSum / 5;
            }
        }
    }

    [Fact]
    public void An_empty_slot_gives_zeros_and_one_that_is_too_small_is_refused()
    {
        var (job, data) = Case("mlp");
        using var trainer = Trainer(job, data);
        Assert.All(Gradient(trainer, 0, 0, [], 5), g => Assert.Equal(0f, g));
        Assert.Throws<ArgumentException>(() => Gradient(trainer, 0, 0, [1], 5));
    }

    [Fact]
    public void What_is_read_ahead_changes_no_bit_and_is_not_read_again()
    {
        var (job, data) = Case("mlp");
        using var plain = Trainer(job, data);
        using var trainer = Trainer(job, data);
        long[] ids = [3, 1, 4, 15, 9];
        Assert.True(trainer.Prepare(7, 0, [2, 6, 5]));
        Assert.True(trainer.Prepare(8, 0, ids));
        Assert.True(trainer.Prepare(8, 1, [8, 9, 7, 9]));
        int read = data.Reads;
        Assert.Equal(Gradient(plain, 8, 0, ids, 24).Bits(), Gradient(trainer, 8, 0, ids, 24).Bits());
        Assert.Equal(read + 5, data.Reads);

        // Read ahead for other samples than the slot turns out to have.
        Assert.Equal(Gradient(plain, 8, 1, ids, 24).Bits(), Gradient(trainer, 8, 1, ids, 24).Bits());
        Assert.Equal(read + 15, data.Reads);

        // Of a step that is over.
        Assert.Equal(Gradient(plain, 7, 0, [2, 6, 5], 24).Bits(), Gradient(trainer, 7, 0, [2, 6, 5], 24).Bits());
        Assert.Equal(read + 21, data.Reads);
    }

    [Fact]
    public void Samples_are_read_ahead_while_slots_are_computed()
    {
        var (job, data) = Case("mlp");
        using var plain = Trainer(job, data);
        using var trainer = Trainer(job, data);
        var reader = new Thread(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                trainer.Prepare(i / 4, i % 4, Ids(i));
            }
        });
        reader.Start();
        for (var i = 0; i < 200; i += 7)
        {
            Assert.Equal(Gradient(plain, i / 4, i % 4, Ids(i), 24).Bits(), Gradient(trainer, i / 4, i % 4, Ids(i), 24).Bits());
        }

        reader.Join();
        static long[] Ids(int i) => [.. Enumerable.Range(i, 3 + (i % 3)).Select(id => (long)(id % 24))];
    }

    [Fact]
    public void Memory_stays_flat()
    {
        var (job, data) = Case("cnn");
        using var trainer = Trainer(job, data);
        Slots(0);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 1; i < 50; i++)
        {
            Slots(i);
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Slots(int step)
        {
            trainer.Prepare(step, 1, [2, 3]);
            Gradient(trainer, step, 0, [0, 1], 2);
            Gradient(trainer, step, 1, [2, 3], 2);
            trainer.Evaluate([0, 1]);
        }
    }

    private static (JobSpec Job, MemoryDataSet Data) Case(string kind) => kind == "mlp"
        ? (DropoutMlp, new(24, [10], classes: 3))
        : (Convolution, new(24, [1, 8, 8], classes: 3));

    private static SlotTrainer Trainer(JobSpec job, MemoryDataSet data) =>
        new(job, NeuralModel.Build(job, data.SampleShape, NeuralModel.OutputsFor(job, data)), data, data);

    private static float[] Gradient(SlotTrainer trainer, long step, int slot, long[] ids, int stepSamples)
    {
        var flat = new float[trainer.ElementCount];
        trainer.CopyInitial(flat);
        trainer.Load(flat);
        var gradient = new float[flat.Length];
        Array.Fill(gradient, float.NaN);
        trainer.Run(step, slot, ids, stepSamples, gradient);
        return gradient;
    }
}

internal static class FloatBits
{
    public static uint[] Bits(this float[] values) => [.. values.Select(BitConverter.SingleToUInt32Bits)];
}
