using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Tests.Optimizers;

public sealed class ParameterGroupTests
{
    private static readonly TensorSpec[] Tensors =
    [
        new("0.weight", TensorKind.Parameter, [2]), new("0.bias", TensorKind.Parameter, [2]), new("1.norm.weight", TensorKind.Parameter, [2]), new("1.norm.running_mean", TensorKind.Buffer, [2]),
    ];

    [Fact]
    public void The_first_group_that_names_a_parameter_has_it()
    {
        var spec = new OptimizerSpec
        {
            Kind = OptimizerKind.AdamW,
            WeightDecay = 0.5,
            Groups = [new() { Names = ["*.bias", "*norm*"], WeightDecay = 0 }, new() { Names = ["?.*"], Rate = 0.25 }],
        };
        var groups = new ParameterGroups(spec, Tensors);
        Assert.Equal([1, 0, 0, 0], Enumerable.Range(0, 4).Select(groups.Of));
        OptimizerScalars[] scalars = groups.Scalars(3, 0.1);
        // No decay; a quarter of the rate, which the decay goes by too; the job's own.
        Assert.Equal([1f, (float)(1 - (0.025 * 0.5)), (float)(1 - (0.1 * 0.5))], scalars.Select(s => s.Decay));
        Assert.Equal(scalars[0].Rate / 4, scalars[1].Rate, 1e-9f);
        Assert.Equal(scalars[0].Rate, scalars[2].Rate);
        Assert.Equal(2, groups.StateArrays);
    }

    [Fact]
    public void A_group_that_no_parameter_is_of_is_found()
    {
        var spec = new OptimizerSpec { Groups = [new() { Names = ["0.*"] }, new() { Names = ["0.bias"] }, new() { Names = ["*running*"] }, new() { Names = ["1.NORM.weight"] }, new() { Names = ["1*"] }] };
        Assert.Equal(["0.bias", "*running*", "1.NORM.weight"], ParameterGroups.Unused(spec, Tensors).Select(group => group.Names[0]));
        Assert.Empty(ParameterGroups.Unused(new OptimizerSpec(), Tensors));
    }

    [Fact]
    public void A_moving_average_has_the_same_bits_however_it_is_cut() => Gen.Select(Gen.Float[-9, 9].Array[1, 100], Gen.Double[0.01, 0.9999], Gen.Int[0, 100]).Sample((values, decay, cut) =>
    {
        float[] whole = [.. values.Select(value => value * 3)], parts = [.. whole], expected = [.. whole];
        float part = (float)(1 - decay);
        for (int i = 0; i < values.Length; i++)
        {
            expected[i] = MathF.FusedMultiplyAdd(values[i] - expected[i], part, expected[i]);
        }

        int at = cut % (values.Length + 1);
        MovingAverage.Update(decay, values, whole);
        MovingAverage.Update(decay, values.AsSpan(..at), parts.AsSpan(..at));
        MovingAverage.Update(decay, values.AsSpan(at..), parts.AsSpan(at..));
        Assert.Equal(expected, whole);
        Assert.Equal(expected, parts);
    });
}
