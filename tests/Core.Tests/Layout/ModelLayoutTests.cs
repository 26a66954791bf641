using CsCheck;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Tests.Layout;

public sealed class ModelLayoutTests
{
    private static readonly Gen<TensorSpec[]> Tensors = Gen.Select(
        Gen.Enum<TensorKind>(),
        Gen.OneOf(Gen.Int[1, 40].Array[0, 3], Gen.Int[4000, 4200].Array[1], Gen.Int[1, 700_000].Array[1])).Array[1, 12]
        .Select(tensors => tensors.Select((t, i) => new TensorSpec($"t{i}", t.Item1, t.Item2)).ToArray());

    [Fact]
    public void Blocks_and_chunks_cover_the_model_and_do_not_depend_on_shards() => Gen.Select(Tensors, Gen.Int[1, 9]).Sample((tensors, shards) =>
    {
        var layout = new ModelLayout(tensors, shards);
        var alone = new ModelLayout(tensors, 1);
        Assert.Equal(alone.Blocks, layout.Blocks);
        Assert.Equal(alone.Chunks, layout.Chunks.Select(c => c with { Shard = 0 }));
        Assert.Equal((alone.Fingerprint, alone.Elements), (layout.Fingerprint, layout.Elements));

        // Blocks: one tensor's, at most 4,096 elements, end to end.
        int offset = 0;
        foreach (Block block in layout.Blocks)
        {
            Assert.Equal(offset, block.ModelOffset);
            Assert.InRange(block.Length, 1, 4096);
            Assert.Equal(tensors[block.Tensor].Kind, block.Kind);
            offset += block.Length;
        }

        Assert.Equal(layout.Elements, offset);
        Assert.Equal(Enumerable.Range(0, layout.Blocks.Count), layout.Blocks.Select(b => b.Index));
        Assert.Equal(tensors.Select(t => t.Elements), layout.Blocks.GroupBy(b => b.Tensor).OrderBy(g => g.Key).Select(g => g.Sum(b => (long)b.Length)));

        // Chunks: whole blocks, at most 1 MiB, end to end, each on one shard, shards in order.
        int block0 = 0;
        foreach (Chunk chunk in layout.Chunks)
        {
            Assert.Equal((block0, layout.Blocks[block0].ModelOffset), (chunk.FirstBlock, chunk.ModelOffset));
            Assert.Equal(layout.Blocks.Skip(chunk.FirstBlock).Take(chunk.BlockCount).Sum(b => b.Length), chunk.Length);
            Assert.InRange(chunk.Length, 1, 262_144);
            block0 += chunk.BlockCount;
        }

        Assert.Equal(layout.Blocks.Count, block0);
        Assert.Equal(layout.Chunks, Enumerable.Range(0, shards).SelectMany(layout.ChunksOf));
        Assert.All(Enumerable.Range(0, shards), s => Assert.Equal((layout.ChunksOf(s).Sum(c => c.Length), layout.ChunksOf(s).Sum(c => c.BlockCount)), (layout.ShardElements(s), layout.ShardBlocks(s))));
    }, iter: 300);

    [Fact]
    public void What_shards_gathered_scatters_back_to_the_model() => Gen.Select(Tensors, Gen.Int[1, 9]).Sample((tensors, shards) =>
    {
        var layout = new ModelLayout(tensors, shards);
        float[] model = [.. Enumerable.Range(0, layout.Elements).Select(i => (float)i)];
        var back = new float[layout.Elements];
        foreach (int shard in Enumerable.Range(0, shards))
        {
            layout.Scatter(shard, layout.Gather(shard, model), back);
        }

        Assert.Equal(model, back);
    }, iter: 100);

    [Fact]
    public void A_model_of_equal_tensors_is_spread_evenly()
    {
        var layout = new ModelLayout([.. Enumerable.Range(0, 64).Select(i => new TensorSpec($"t{i}", TensorKind.Parameter, [4096]))], 4);
        Assert.All(Enumerable.Range(0, 4), shard => Assert.Equal(layout.Elements / 4, layout.ShardElements(shard)));
    }

    [Fact]
    public void More_shards_than_chunks_leave_some_without()
    {
        var layout = new ModelLayout([new TensorSpec("t", TensorKind.Parameter, [3])], 5);
        Assert.Equal([3], Enumerable.Range(0, 5).Select(layout.ShardElements).Where(e => e > 0));
    }

    [Fact]
    public void The_fingerprint_tells_models_apart()
    {
        TensorSpec tensor = new("a", TensorKind.Parameter, [2, 3]);
        TensorSpec[][] models = [[tensor], [tensor with { Name = "b" }], [tensor with { Kind = TensorKind.Buffer }], [tensor with { Shape = [3, 2] }], [tensor with { Shape = [6] }], [tensor, tensor with { Name = "b" }]];
        Assert.Equal(models.Length, models.Select(m => new ModelLayout(m, 1).Fingerprint).Distinct().Count());
    }

    [Fact]
    public void A_model_that_cannot_be_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new ModelLayout([], 1));
        Assert.Throws<ArgumentException>(() => new ModelLayout([new TensorSpec("a", TensorKind.Parameter, [2]), new TensorSpec("b", TensorKind.Parameter, [0])], 1));
        Assert.Throws<ArgumentException>(() => new ModelLayout([new TensorSpec("a", TensorKind.Parameter, [50_000, 50_000])], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ModelLayout([new TensorSpec("a", TensorKind.Parameter, [2])], 0));
        Assert.Throws<ArgumentException>(() => new ModelLayout([new TensorSpec("a", TensorKind.Parameter, [2])], 1).Scatter(0, new float[3], new float[3]));
    }
}
