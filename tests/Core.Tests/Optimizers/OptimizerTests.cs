using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Optimizers;

namespace Lockstep.Core.Tests.Optimizers;

public sealed class OptimizerTests
{
    private static readonly Gen<OptimizerSpec> Spec = Gen.Select(Gen.Enum<OptimizerKind>(), Gen.OneOf(0, 0.9, 0.5), Gen.Bool, Gen.OneOf(0, 0.01), Gen.Double[0, 0.999], Gen.Double[0, 0.9999], Gen.OneOf(1e-8, 1e-3),
        (kind, momentum, nesterov, decay, beta1, beta2, epsilon) => new OptimizerSpec { Kind = kind, Momentum = momentum, Nesterov = nesterov && momentum > 0, WeightDecay = decay, Beta1 = beta1, Beta2 = beta2, Epsilon = epsilon });

    [Fact]
    public void Equals_the_plain_reference_to_the_bit_at_any_length() =>
        Gen.Select(Spec, Gen.Long[0, 5000], Gen.Double[1e-5, 1], Gen.OneOf(1f, 0.37f), Gen.Int[0, 45]).SelectMany((spec, step, rate, clip, length) =>
            Floats.Usual.Array[length].Array[4].Select(arrays => (spec, step, rate, clip, arrays))).Sample((spec, step, rate, clip, arrays) =>
        {
            Optimizer optimizer = Optimizer.Create(spec);
            (float[] gradient, float[] values, float[] first, float[] second) = (arrays[0], arrays[1], State(arrays[2], optimizer.StateArrays > 0), State(arrays[3], optimizer.StateArrays > 1, isSquare: true));
            if (spec.Kind == OptimizerKind.Adagrad)
            {
                first = State(first, true, isSquare: true);
            }

            float[] newValues = new float[values.Length], newFirst = new float[first.Length], newSecond = new float[second.Length];
            optimizer.Update(optimizer.Scalars(step, rate), clip, gradient, values, first, second, newValues, newFirst, newSecond);

            var reference = new ScalarOptimizer(spec, step, rate, clip);
            (float Value, float State1, float State2)[] expected = [.. gradient.Select((g, i) => reference.Update(g, values[i], first.ElementAtOrDefault(i), second.ElementAtOrDefault(i)))];
            Assert.Equal(Floats.Bits([.. expected.Select(e => e.Value)]), Floats.Bits(newValues));
            Assert.Equal(Floats.Bits([.. expected.Select(e => e.State1).Take(first.Length)]), Floats.Bits(newFirst));
            Assert.Equal(Floats.Bits([.. expected.Select(e => e.State2).Take(second.Length)]), Floats.Bits(newSecond));

            // In place, as the state is on a shard.
            optimizer.Update(optimizer.Scalars(step, rate), clip, gradient, values, first, second, values, first, second);
            Assert.Equal(Floats.Bits(newValues), Floats.Bits(values));
            Assert.Equal(Floats.Bits(newFirst), Floats.Bits(first));
            Assert.Equal(Floats.Bits(newSecond), Floats.Bits(second));
        }, iter: 4000);

    /// <summary>Of what is not a number it is only said that it stays none: which bits it has is the processor's affair, and no step follows one.</summary>
    [Fact]
    public void Denormal_and_infinite_values_are_as_in_the_plain_reference() =>
        Gen.Select(Spec, Gen.Int[0, 45]).SelectMany((spec, length) => Floats.AnyBits.Array[length].Array[4].Select(arrays => (spec, arrays))).Sample((spec, arrays) =>
        {
            Optimizer optimizer = Optimizer.Create(spec);
            (float[] gradient, float[] values, float[] first, float[] second) = (arrays[0], arrays[1], State(arrays[2], optimizer.StateArrays > 0), State(arrays[3], optimizer.StateArrays > 1, isSquare: true));
            float[] newValues = new float[values.Length], newFirst = new float[first.Length], newSecond = new float[second.Length];
            optimizer.Update(optimizer.Scalars(2, 0.1), 1, gradient, values, first, second, newValues, newFirst, newSecond);

            var reference = new ScalarOptimizer(spec, 2, 0.1, 1);
            (float Value, float State1, float State2)[] expected = [.. gradient.Select((g, i) => reference.Update(g, values[i], first.ElementAtOrDefault(i), second.ElementAtOrDefault(i)))];
            Assert.Equal(Known([.. expected.Select(e => e.Value)]), Known(newValues));
            Assert.Equal(Known([.. expected.Select(e => e.State1).Take(first.Length)]), Known(newFirst));
            Assert.Equal(Known([.. expected.Select(e => e.State2).Take(second.Length)]), Known(newSecond));

            static int[] Known(float[] values) => Floats.Bits([.. values.Select(v => float.IsNaN(v) ? float.NaN : v)]);
        }, iter: 2000);

    /// <summary>Without, the first moment of what has no gradient any more stays at 2⁻¹⁴⁹ for ever.</summary>
    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.Adam)]
    public void State_that_decays_ends_at_0_and_is_normal_until_then(OptimizerKind kind)
    {
        Optimizer optimizer = Optimizer.Create(new OptimizerSpec { Kind = kind, Momentum = 0.9, Beta1 = 0.9, Beta2 = 0.95 });
        float[] values = new float[45], first = [.. values.Select((_, i) => i - 22f)], second = [.. first.Select(Math.Abs)];
        for (int step = 0; step < 2000; step++)
        {
            optimizer.Update(optimizer.Scalars(step, 1e-3), 1, new float[45], values, first, second[..(optimizer.StateArrays > 1 ? 45 : 0)], values, first, second.AsSpan(0, optimizer.StateArrays > 1 ? 45 : 0));
            Assert.DoesNotContain(first.Concat(second), float.IsSubnormal);
        }

        Assert.All(first, state => Assert.Equal(0f, state));
    }

    [Fact]
    public void An_element_does_not_depend_on_its_neighbours() =>
        Gen.Select(Spec, Gen.Int[1, 45]).SelectMany((spec, length) => Floats.Usual.Array[length].Array[2].Select(arrays => (spec, arrays))).Sample((spec, arrays) =>
        {
            Optimizer optimizer = Optimizer.Create(spec);
            float[] whole = Step(optimizer, arrays[0], arrays[1]);
            float[] parts = [.. arrays[0].Select((gradient, i) => Step(optimizer, [gradient], [arrays[1][i]])[0])];
            Assert.Equal(Floats.Bits(whole), Floats.Bits(parts));
        }, iter: 500);

    [Theory]
    [InlineData(OptimizerKind.Sgd, 0, 0)]
    [InlineData(OptimizerKind.Sgd, 0.9, 1)]
    [InlineData(OptimizerKind.Adam, 0, 2)]
    [InlineData(OptimizerKind.AdamW, 0, 2)]
    [InlineData(OptimizerKind.Adagrad, 0, 1)]
    public void Keeps_as_many_arrays_of_state_as_it_needs(OptimizerKind kind, double momentum, int arrays) =>
        Assert.Equal(arrays, Optimizer.Create(new OptimizerSpec { Kind = kind, Momentum = momentum }).StateArrays);

    [Fact]
    public void There_is_no_other() => Assert.Throws<ArgumentOutOfRangeException>(() => Optimizer.Create(new OptimizerSpec { Kind = default }));

    [Fact]
    public void Buffers_take_the_difference_as_it_is() => Gen.Int[0, 40].SelectMany(length => Floats.Usual.Array[length].Array[2]).Sample(arrays =>
    {
        var sum = new float[arrays[0].Length];
        Optimizer.AddBuffer(arrays[0], arrays[1], sum);
        Assert.Equal(Floats.Bits([.. arrays[0].Zip(arrays[1], (difference, value) => value + difference)]), Floats.Bits(sum));
    }, iter: 200);

    private static float[] Step(Optimizer optimizer, float[] gradient, float[] values)
    {
        float[] state1 = new float[optimizer.StateArrays > 0 ? values.Length : 0], state2 = new float[optimizer.StateArrays > 1 ? values.Length : 0], next = new float[values.Length];
        optimizer.Update(optimizer.Scalars(3, 0.1), 1, gradient, values, state1, state2, next, state1, state2);
        return next;
    }

    private static float[] State(float[] values, bool has, bool isSquare = false) => has ? [.. values.Select(v => isSquare ? v * v : v)] : [];
}
