using System.Buffers;
using CsCheck;
using Lockstep.Core.Codec;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;

namespace Lockstep.Core.Tests.Codec;

/// <summary>From gradients of slots to the gradient of a step, through groups, chunks and escapes.</summary>
public sealed class BlockSumsTests
{
    /// <value>Magnitudes far apart, so that slots of a block stand at several levels; now and then none.</value>
    private static readonly Gen<float> Gradient = Gen.Frequency((1, Gen.Const(0f)), (12, Gen.Select(Gen.Float[-1, 1], Gen.Int[-90, 120], MathF.ScaleB)));

    private static readonly Gen<(int Slots, float[][] Gradients, short[] Hints)> Step =
        from slots in Gen.Int[1, 6]
        from scales in Gen.Int[-90, 100].Array[slots * 12]
        from units in Gen.Float[-1, 1].Array[slots * 60]
        from zeros in Gen.Int[0, 9].Array[slots * 12]
        from hints in Gen.Short[BlockExponent.Floor, 60].Array[12]
        select (slots, Cut(slots, scales, units, zeros), hints);

    [Fact]
    public void Any_grouping_and_order_gives_the_bits_of_the_slots_added_one_by_one_and_those_of_a_float64_oracle()
    {
        int several = 0;
        Gen.Select(Step, Gen.Int[0, 5].Array[6], Gen.Shuffle(Enumerable.Range(0, 6).ToArray()), Gen.Int[1, 3], Gen.OneOf(16, 32)).Sample((step, groups, order, shards, contribution) =>
        {
            (int slots, float[][] gradients, short[] hints) = step;
            JobDescriptor job = Job(slots, shards) with { Contribution = contribution };
            var layout = new ModelLayout(job.Tensors, shards);
            int[][] alone = [.. Enumerable.Range(0, slots).Select(slot => new[] { slot })];
            int[][] grouped = [.. order.Where(slot => slot < slots).GroupBy(slot => groups[slot]).Select(g => g.ToArray())];
            float[] expected = Oracle(job, layout, gradients, hints, out int most);
            Assert.Equal(Floats.Bits(expected), Floats.Bits(Sum(job, layout, gradients, hints, alone)));
            Assert.Equal(Floats.Bits(expected), Floats.Bits(Sum(job, layout, gradients, hints, grouped)));
            Interlocked.Add(ref several, most > 1 ? 1 : 0);
        }, iter: 1500);

        Assert.True(several > 500, $"Only {several} steps had a block at several levels.");
    }

    [Fact]
    public void What_is_dropped_or_cleared_gives_its_memory_back()
    {
        var pool = new EscapePool();
        Block[] blocks = [new(0, 0, 0, 5, TensorKind.Parameter), new(1, 0, 5, 4096, TensorKind.Parameter)];
        var sums = new BlockSums(blocks, pool);
        foreach (int level in new[] { 9, 3, 26, 0 })
        {
            sums.At(1, level, out bool isNew).Fill(level);
            Assert.True(isNew);
        }

        sums.At(0, 4, out _).Fill(4);
        Assert.Equal((1u << 9) | (1u << 3) | (1u << 26) | 1, sums.Levels(1));
        Assert.Equal([4, 3, 9, 26], sums.Escapes(0, 2).ToArray().Distinct());
        Assert.Equal((3 * 4096 * 4) + (8 * 4), pool.BytesInUse);
        sums.Drop(1, 9);
        Assert.Equal([3, 26], sums.Escapes(1, 1).ToArray().Distinct());
        Assert.Equal([0, 0, 0, 0, 0], sums.Own(0, 2).ToArray()[..5]);
        sums.Clear();
        Assert.Equal((0, 0u), (pool.BytesInUse, sums.Levels(1)));
        Assert.True(sums.Own(0, 2).IsEmpty && sums.Escapes(0, 2).IsEmpty);

        // What two buckets of steps did not need is let go.
        Assert.True(pool.Bytes > 0);
        for (int step = 1; step <= 192; step++)
        {
            pool.StepOver(step);
        }

        Assert.Equal(0, pool.Bytes);
    }

    private static float[] Sum(JobDescriptor job, ModelLayout layout, float[][] gradients, short[] hints, int[][] groups)
    {
        var total = new float[layout.Elements];
        int[][] blocks = [.. Enumerable.Range(0, layout.Shards).Select(shard => layout.ChunksOf(shard).SelectMany(c => Enumerable.Range(c.FirstBlock, c.BlockCount)).ToArray())];
        short[][] byShard = [.. blocks.Select(b => b.Select(i => hints[i]).ToArray())];
        StepSums[] shards = [.. Enumerable.Range(0, layout.Shards).Select(shard => new StepSums(job, layout, shard, new EscapePool()))];
        foreach (int[] slots in groups)
        {
            var group = new GroupBuilder(job, layout);
            group.Begin(default, byShard);
            foreach (int slot in slots)
            {
                Assert.True(group.Add(slot, 1, 1, gradients[slot]));
            }

            foreach ((Contribution part, int shard) in group.Build("w").Select((part, shard) => (part, shard)))
            {
                foreach (ChunkSum chunk in part.Chunks)
                {
                    int index = shards[shard].IndexOf(chunk.Chunk);
                    Assert.Null(shards[shard].Check(index, chunk, part.Reports, byShard[shard]));
                    shards[shard].Add(index, chunk, byShard[shard]);
                }
            }
        }

        for (int shard = 0; shard < shards.Length; shard++)
        {
            for (int i = 0; i < blocks[shard].Length; i++)
            {
                Block block = layout.Blocks[blocks[shard][i]];
                shards[shard].Decode(i, byShard[shard][i], total.AsSpan(block.ModelOffset, block.Length));
            }
        }

        return total;
    }

    /// <summary>What the protocol says of a sum, one value at a time, in whole numbers and float64.</summary>
    private static float[] Oracle(JobDescriptor job, ModelLayout layout, float[][] gradients, short[] hints, out int most)
    {
        most = 0;
        int bits = 0;
        while (2L << bits <= int.MaxValue / job.Slots)
        {
            bits++;
        }

        var total = new float[layout.Elements];
        foreach (Block block in layout.Blocks)
        {
            bool isNarrow = job.Contribution == 16 && block.Kind == TensorKind.Parameter;
            int own = hints[block.Index];
            var levels = new SortedDictionary<int, long[]>();
            for (int slot = 0; slot < gradients.Length; slot++)
            {
                float[] values = gradients[slot][block.ModelOffset..(block.ModelOffset + block.Length)];
                double magnitude = values.Max(v => Math.Abs((double)v));
                if (magnitude < Math.ScaleB(1, -126))
                {
                    continue;
                }

                int exponent = BlockExponent.Floor;
                while (magnitude > Math.ScaleB(1, exponent))
                {
                    exponent++;
                }

                int level = exponent <= own ? own : (int)Math.Ceiling(exponent / 8.0) * 8;
                long[] sum = levels.TryGetValue(level, out long[]? known) ? known : levels[level] = new long[block.Length];
                RoundingNoise noise = RoundingNoise.Of(RoundingNoise.KeyOf(job.Seed, 0, slot), block.Index);
                for (int i = 0; i < values.Length; i++)
                {
                    sum[i] += isNarrow && level == own
                        ? (long)Math.Floor((Math.Round(values[i] * Math.ScaleB(1, 30 - level), MidpointRounding.ToEven) + noise.At(i)) / 65_536)
                        : (long)Math.Round(values[i] * Math.ScaleB(1, bits - level), MidpointRounding.ToEven);
                }
            }

            most = Math.Max(most, levels.Count);
            for (int i = 0; i < block.Length; i++)
            {
                double sum = 0;
                foreach ((int level, long[] integers) in levels)
                {
                    sum += integers[i] * Math.ScaleB(1, level - (isNarrow && level == own ? 14 : bits));
                }

                total[block.ModelOffset + i] = (float)sum;
            }
        }

        return total;
    }

    private static JobDescriptor Job(int slots, int shards) => StubGradients.Job(shards, slots, 1) with
    {
        Tensors = [.. Enumerable.Range(0, 12).Select(i => new TensorSpec($"t{i}", i % 4 == 3 ? TensorKind.Buffer : TensorKind.Parameter, [5]))],
    };

    private static float[][] Cut(int slots, int[] scales, float[] units, int[] zeros)
    {
        var gradients = new float[slots][];
        for (int slot = 0; slot < slots; slot++)
        {
            gradients[slot] = new float[60];
            for (int i = 0; i < 60; i++)
            {
                int block = (slot * 12) + (i / 5);
                gradients[slot][i] = zeros[block] == 0 ? 0 : MathF.ScaleB(units[(slot * 60) + i], scales[block]);
            }
        }

        return gradients;
    }
}
