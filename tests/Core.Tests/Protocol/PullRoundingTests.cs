using CsCheck;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Codec;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

public sealed class PullRoundingTests
{
    private static readonly Gen<(TensorKind Kind, int Elements)[]> Tensors = Gen.Select(Gen.Enum<TensorKind>(), Gen.Int[1, 40], (kind, elements) => (kind, elements)).Array[1, 12];

    [Fact]
    public void Parameters_are_rounded_and_buffers_are_as_they_are() => Gen.Select(Tensors, Gen.Enum<PullFormat>()).SelectMany((tensors, pull) =>
        Floats.AnyBits.Array[tensors.Sum(t => t.Elements)].Select(values => (tensors, pull, values))).Sample((tensors, pull, values) =>
    {
        var rounding = new PullRounding(pull, tensors);
        float[] taken = [.. values];
        rounding.Apply(taken, taken);

        float[] rounded = new float[values.Length];
        BFloat16.Round(values, rounded);
        TensorKind[] kinds = [.. tensors.SelectMany(t => Enumerable.Repeat(t.Kind, t.Elements))];
        float[] expected = [.. values.Select((value, i) => pull == PullFormat.BFloat16 && kinds[i] == TensorKind.Parameter ? rounded[i] : value)];
        Assert.Equal(Floats.Bits(expected), Floats.Bits(taken));
        Assert.Equal(pull == PullFormat.BFloat16 && kinds.Contains(TensorKind.Parameter), rounding.Changes);

        // Stretches without gaps, as long as can be.
        Assert.Equal(values.Length, rounding.Runs.Sum(r => r.Length));
        Assert.All(rounding.Runs.Zip(rounding.Runs.Skip(1)), pair => Assert.Equal((pair.First.Offset + pair.First.Length, !pair.First.IsRounded), (pair.Second.Offset, pair.Second.IsRounded)));
    });

    [Fact]
    public void Shards_one_after_the_other_are_the_model()
    {
        JobDescriptor job = StubGradients.Job(3, 2, 4) with { Pull = PullFormat.BFloat16 };
        var layout = new ModelLayout(job.Tensors, job.Shards);
        float[] values = StubGradients.Initial(job), whole = new float[values.Length], parts = new float[values.Length];
        PullRounding.OfModel(job).Apply(values, whole);
        for (int shard = 0; shard < job.Shards; shard++)
        {
            float[] own = layout.Gather(shard, values);
            PullRounding.OfShard(job, layout, shard).Apply(own, own);
            layout.Scatter(shard, own, parts);
        }

        Assert.Equal(Floats.Bits(whole), Floats.Bits(parts));
        Assert.NotEqual(Floats.Bits(values), Floats.Bits(whole));
    }
}
