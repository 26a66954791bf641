using Lockstep.Core.Checkpoints;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Protocol;

public sealed partial class ShardJob
{
    /// <summary>Copies the whole state of this shard, so that training may go on while it is written.</summary>
    public ShardState Snapshot() => new(
        Cursor.Generation, Cursor.Step, Shard, [.. _chunks.Select(c => c.Index)],
        [.. _current!.Values.AsSpan(0, Elements)], [.. _state1], [.. _state2], [.. _ranges]);

    /// <summary>Starts from a checkpoint, which may have been cut by another number of shards. Of a job without values only.</summary>
    /// <param name="generation">From here on; null: the one after that of the checkpoint.</param>
    /// <exception cref="ProtocolException">It is not of this job or its determinism class, or a part of it is missing.</exception>
    public void Load(CheckpointSet set, int? generation = null)
    {
        if (set.Descriptor.JobHash != Descriptor.JobHash)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint at {set.Directory} was cut by another job or with other data ({set.Descriptor.JobHash} instead of {Descriptor.JobHash}). Resume with the job and data that it was started with, or start a new run.");
        }

        // Initial values have the same bits everywhere.
        if (set.Descriptor.DeterminismClass != Descriptor.DeterminismClass && set.Version > 0 && !(Descriptor.AcceptsClass && set.Version == Descriptor.ResumeStep))
        {
            throw new ProtocolException(ProtocolError.Conflict, $"Job {Descriptor.JobId}: {OtherClass.Problem($"the checkpoint at {set.Directory}", set.Descriptor.DeterminismClass, Descriptor.DeterminismClass)} {OtherClass.Remedy}");
        }

        if (!set.Descriptor.Tensors.Select(t => (t.Name, t.Kind, t.Elements)).SequenceEqual(Descriptor.Tensors.Select(t => (t.Name, t.Kind, t.Elements))))
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint at {set.Directory} holds another model.");
        }

        VersionBuffer values = _buffers.Rent();
        var loaded = new HashSet<int>();
        foreach (ShardState part in set.Parts)
        {
            int offset = 0;
            int blockOffset = 0;
            foreach (int index in part.Chunks)
            {
                Chunk chunk = Layout.Chunks[index];
                if (chunk.Shard == Shard)
                {
                    int own = IndexOf(index);
                    loaded.Add(index);
                    Copy(part.Values, offset, values.Values, _chunkOffsets[own], chunk.Length);
                    Copy(part.State1, offset, _state1, _chunkOffsets[own], chunk.Length);
                    Copy(part.State2, offset, _state2, _chunkOffsets[own], chunk.Length);
                    part.Ranges.AsSpan(blockOffset, chunk.BlockCount).CopyTo(_ranges.AsSpan(_chunkBlockOffsets[own]));
                }

                offset += chunk.Length;
                blockOffset += chunk.BlockCount;
            }
        }

        if (loaded.Count != _chunks.Count)
        {
            throw new ProtocolException(ProtocolError.Checkpoint, $"Job {Descriptor.JobId}: the checkpoint at {set.Directory} holds {loaded.Count} of the {_chunks.Count} chunks of shard {Shard}. Resume from an older one.");
        }

        _current = values;
        // Of version 0 only the values are known: its first attempt measures, as it did at first.
        Measures = set.Version == 0;
        _initialHash = Measures ? HashOf(values.Values.AsSpan(0, Elements)) : null;
        Cursor = new Cursor(generation ?? set.Generation + 1, set.Version, 0);
    }

    private static void Copy(float[] from, int fromOffset, float[] to, int toOffset, int length)
    {
        if (to.Length > 0)
        {
            from.AsSpan(fromOffset, length).CopyTo(to.AsSpan(toOffset));
        }
    }
}
