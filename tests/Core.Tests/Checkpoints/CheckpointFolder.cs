using Lockstep.Core.Checkpoints;
using Lockstep.Core.Codec;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;

namespace Lockstep.Core.Tests.Checkpoints;

/// <summary>A temporary folder of checkpoints.</summary>
internal sealed class CheckpointFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lockstep-checkpoints-").FullName;

    /// <summary>A job whose state any number of shards may hold.</summary>
    public static JobDescriptor Job(int shards) => StubGradients.Job(shards, 4, 100);

    /// <summary>One shard's part of a state that depends on the version alone.</summary>
    public static ShardSnapshot State(JobDescriptor job, int shard, long version)
    {
        var layout = new ModelLayout(job.Tensors, job.Shards);
        return new ShardSnapshot(2, version, shard, [.. layout.ChunksOf(shard).Select(c => c.Index)], Part(0), Part(1), Part(2), [.. layout.ChunksOf(shard).SelectMany(c => Enumerable.Range(c.FirstBlock, c.BlockCount)).Select(b => new BlockHint((short)b, (short)(b - 2), (short)(b - 3)))]);

        float[] Part(int which) => layout.Gather(shard, Model(layout.Elements, version, which));
    }

    /// <summary>The flat model, or an array of the optimizer's state.</summary>
    public static float[] Model(int elements, long version, int which = 0) => [.. Enumerable.Range(0, elements).Select(i => MathF.Sin(i + (1000 * version) + (100_000 * which)))];

    /// <summary>Writes the parts of a set.</summary>
    /// <returns>Their hashes, by shard.</returns>
    public string[] WriteParts(JobDescriptor job, long version)
    {
        string folder = CheckpointSet.DirectoryOf(Path, version);
        Directory.CreateDirectory(folder);
        return [.. Enumerable.Range(0, job.Shards).Select(shard => CheckpointPart.Write(System.IO.Path.Combine(folder, CheckpointPart.FileName(shard, job.Shards)), job, State(job, shard, version)))];
    }

    /// <summary>Writes a whole set.</summary>
    public void WriteSet(JobDescriptor job, long version) => CheckpointSet.Seal(Path, version, WriteParts(job, version));

    public string File(long version, string name) => System.IO.Path.Combine(CheckpointSet.DirectoryOf(Path, version), name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
