using Lockstep.Core.Codec;

namespace Lockstep.Core.Checkpoints;

/// <summary>The whole state of one shard at one version.</summary>
/// <param name="Chunks">Indexes of the chunks in the model, in order; they do not depend on the number of shards.</param>
/// <param name="Values">The chunks' elements, concatenated.</param>
/// <param name="State1">The optimizer's first array, as long as Values, or empty.</param>
/// <param name="State2">The second one.</param>
/// <param name="Hints">One a block of the chunks.</param>
public sealed record ShardSnapshot(int Generation, long Version, int Shard, int[] Chunks, float[] Values, float[] State1, float[] State2, BlockHint[] Hints)
{
    /// <value>The parameters' moving average, as long as Values, or empty where none is kept.</value>
    public float[] Average { get; init; } = [];
}
