using System.Runtime.InteropServices;
using Lockstep.Contracts.Jobs;
using Lockstep.Convergence;
using Lockstep.Core.Optimizers;
using TorchSharp;
using TorchSharp.Modules;

namespace Lockstep.Training.Tests;

/// <summary>
/// Our updates beside those of torch.optim, from the same values and the same gradients, over several steps of state. Where there is no square root they are equal to the bit;
/// torch's comes from MKL on some machines, which rounds it otherwise: up to two units where updates are as small beside values as they usually are, three where they are as large.
/// </summary>
public class TorchOptimizerTests
{
    private const int Elements = 5000;
    private const int Steps = 8;

    public static TheoryData<string, OptimizerSpec> Optimizers => new()
    {
        { "sgd", new() { Kind = OptimizerKind.Sgd, LearningRate = 0.1 } },
        { "sgd, weight decay", new() { Kind = OptimizerKind.Sgd, LearningRate = 0.1, WeightDecay = 0.01 } },
        { "sgd, momentum", new() { Kind = OptimizerKind.Sgd, LearningRate = 0.1, Momentum = 0.9 } },
        { "sgd, momentum, weight decay", new() { Kind = OptimizerKind.Sgd, LearningRate = 0.1, Momentum = 0.9, WeightDecay = 0.01 } },
        { "sgd, nesterov", new() { Kind = OptimizerKind.Sgd, LearningRate = 0.1, Momentum = 0.9, Nesterov = true } },
        { "sgd, nesterov, weight decay", new() { Kind = OptimizerKind.Sgd, LearningRate = 0.1, Momentum = 0.9, Nesterov = true, WeightDecay = 0.01 } },
        { "adam", new() { Kind = OptimizerKind.Adam, LearningRate = 1e-3 } },
        { "adam, weight decay", new() { Kind = OptimizerKind.Adam, LearningRate = 1e-3, WeightDecay = 0.01 } },
        { "adam, other numbers", new() { Kind = OptimizerKind.Adam, LearningRate = 2e-3, Beta1 = 0.5, Beta2 = 0.9, Epsilon = 1e-4 } },
        { "adamw", new() { Kind = OptimizerKind.AdamW, LearningRate = 1e-3, WeightDecay = 0.01 } },
        { "adagrad", new() { Kind = OptimizerKind.Adagrad, LearningRate = 0.01, Epsilon = 1e-10 } },
        { "adagrad, weight decay", new() { Kind = OptimizerKind.Adagrad, LearningRate = 0.01, WeightDecay = 0.01 } },
    };

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void A_single_update_is_torchs_to_two_units_in_the_last_place(string name, OptimizerSpec spec)
    {
        TorchRuntime.UseThreads(1);
        using var scope = torch.NewDisposeScope();
        var random = new Random(11);
        using var parameter = new Parameter(torch.tensor(Numbers(random, 0.05f)));
        using var torchs = TorchOptimizers.Create(spec, [parameter]);
        var ours = Optimizer.Create(spec);
        float[] first = new float[ours.StateArrays > 0 ? Elements : 0], second = new float[ours.StateArrays > 1 ? Elements : 0], next = new float[Elements];
        double worst = 0;
        for (int step = 0; step < Steps; step++)
        {
            float[] before = Values(parameter);
            float[] gradient = Numbers(random, 0.01f);
            parameter.grad = torch.tensor(gradient);
            torchs.step();
            float[] expected = Values(parameter);

            // State of our own, over all steps; values as torch has them, so that each update is judged alone.
            ours.Update(ours.Scalars(step, spec.LearningRate), 1, gradient, before, first, second, next, first, second);
            for (int i = 0; i < Elements; i++)
            {
                // Value, update and result: a sum is rounded at the scale of its largest part, which is not the result where an update takes a value close to zero.
                double unit = Unit(Math.Max(Math.Max(Math.Abs(before[i]), Math.Abs(expected[i])), Math.Abs(expected[i] - before[i])));
                worst = Math.Max(worst, Math.Abs((double)next[i] - expected[i]) / unit);
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {worst:0.##} units");
        Assert.True(worst <= (spec.Kind == OptimizerKind.Sgd ? 0 : 2), $"{name}: {worst} units in the last place.");
    }

    /// <summary>The distance between float32 numbers of a magnitude.</summary>
    private static double Unit(float magnitude) => (double)MathF.BitIncrement(magnitude) - magnitude;

    private static float[] Numbers(Random random, float scale) =>
        [.. Enumerable.Range(0, Elements).Select(_ => scale * (float)Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * (float)Math.Cos(2 * Math.PI * random.NextDouble()))];

    private static float[] Values(Parameter parameter) => MemoryMarshal.Cast<byte, float>(parameter.bytes).ToArray();
}
