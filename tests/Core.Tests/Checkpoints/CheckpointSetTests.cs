using CsCheck;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Checkpoints;

public sealed class CheckpointSetTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(9)]
    public void Any_number_of_shards_gives_the_same_model(int shards)
    {
        JobDescriptor job = CheckpointFolder.Job(shards);
        _folder.WriteSet(job, 5);
        CheckpointSet set = CheckpointSet.Read(_folder.Path, 5);
        Assert.Equal((2, 5, shards), (set.Generation, set.Version, set.Parts.Count));
        Assert.Equal(Floats.Bits(CheckpointFolder.Model(new ModelLayout(job.Tensors, 1).Elements, 5)), Floats.Bits(set.Model()));
    }

    [Fact]
    public void Another_number_of_shards_takes_up_the_same_state() => Gen.Select(Gen.Int[1, 6], Gen.Int[1, 6]).Sample((before, after) =>
    {
        using var folder = new CheckpointFolder();
        folder.WriteSet(CheckpointFolder.Job(before), 5);
        JobDescriptor job = CheckpointFolder.Job(after);
        foreach (int shard in Enumerable.Range(0, after))
        {
            var taken = new ShardState(job, shard);
            taken.Load(CheckpointSet.Read(folder.Path, 5));
            ShardSnapshot expected = CheckpointFolder.State(job, shard, 5), state = taken.Snapshot();
            Assert.Equal(new Cursor(3, 5, 0), taken.Cursor);
            Assert.Equal(expected.Chunks, state.Chunks);
            Assert.Equal(Floats.Bits(expected.Values), Floats.Bits(state.Values));
            Assert.Equal(Floats.Bits(expected.State1), Floats.Bits(state.State1));
            Assert.Equal(Floats.Bits(expected.State2), Floats.Bits(state.State2));
            Assert.Equal(expected.Hints, state.Hints);
        }
    }, iter: 30, threads: 1);

    [Fact]
    public void A_set_counts_once_it_is_sealed()
    {
        string[] hashes = _folder.WriteParts(CheckpointFolder.Job(2), 5);
        Assert.Empty(CheckpointSet.List(_folder.Path));
        Assert.Contains("There is no whole checkpoint of version 5", Refused(5), StringComparison.Ordinal);
        CheckpointSet.Seal(_folder.Path, 5, hashes);
        Assert.Equal([5], CheckpointSet.List(_folder.Path));
        Assert.Equal(5, CheckpointSet.Read(_folder.Path, 5).Version);
    }

    [Fact]
    public void What_an_interrupted_write_leaves_never_counts()
    {
        _folder.WriteSet(CheckpointFolder.Job(2), 5);
        _folder.WriteParts(CheckpointFolder.Job(2), 6);
        File.WriteAllText(_folder.File(6, "set.json.1-1.tmp"), File.ReadAllText(_folder.File(5, "set.json")));
        Directory.CreateDirectory(CheckpointSet.DirectoryOf(_folder.Path, 7));
        Directory.CreateDirectory(Path.Combine(_folder.Path, "step-x"));
        Directory.CreateDirectory(Path.Combine(_folder.Path, "step-"));
        Directory.CreateDirectory(Path.Combine(_folder.Path, "step--00000001"));
        File.WriteAllText(Path.Combine(_folder.Path, "step-000000008"), "no folder");
        Assert.Equal([5], CheckpointSet.List(_folder.Path));
        Assert.Contains("There are: 5.", Refused(6), StringComparison.Ordinal);
        Assert.Empty(CheckpointSet.List(Path.Combine(_folder.Path, "none")));
    }

    [Fact]
    public void Damage_at_any_byte_of_the_manifest_is_refused_or_does_not_matter()
    {
        _folder.WriteSet(CheckpointFolder.Job(2), 5);
        string path = _folder.File(5, "set.json");
        float[] model = CheckpointSet.Read(_folder.Path, 5).Model();
        byte[] bytes = File.ReadAllBytes(path);
        int refused = 0;
        for (int at = 0; at < bytes.Length; at++)
        {
            foreach (byte flip in new byte[] { 1, 2, 32, 0x60, 0x80, bytes[at] })
            {
                byte[] changed = [.. bytes];
                changed[at] ^= flip;
                File.WriteAllBytes(path, changed);
                try
                {
                    Assert.Equal(model, CheckpointSet.Read(_folder.Path, 5).Model());
                }
                catch (ProtocolException exception)
                {
                    Assert.Equal(ProtocolError.Checkpoint, exception.Error);
                    refused++;
                }
            }
        }

        Assert.True(refused > bytes.Length, $"{refused} of {6 * bytes.Length} damaged manifests were refused.");
        for (int length = 0; length < bytes.Length; length++)
        {
            File.WriteAllBytes(path, bytes[..length]);
            Refused(5);
        }
    }

    [Fact]
    public void A_part_that_is_damaged_or_missing_or_of_another_version_is_refused()
    {
        JobDescriptor job = CheckpointFolder.Job(2);
        _folder.WriteSet(job, 5);
        string part = _folder.File(5, CheckpointPart.FileName(1, 2));
        byte[] bytes = File.ReadAllBytes(part);
        bytes[^1] ^= 1;
        File.WriteAllBytes(part, bytes);
        Assert.Contains("its bytes are not those that were written", Refused(5), StringComparison.Ordinal);
        File.Delete(part);
        Refused(5);

        string[] hashes = _folder.WriteParts(job, 6);
        hashes[1] = CheckpointPart.Write(_folder.File(6, CheckpointPart.FileName(1, 2)), job, CheckpointFolder.State(job, 1, 7));
        CheckpointSet.Seal(_folder.Path, 6, hashes);
        Assert.Contains("holds parts of other versions", Refused(6), StringComparison.Ordinal);

        hashes = _folder.WriteParts(job, 8);
        hashes[1] = CheckpointPart.Write(_folder.File(8, CheckpointPart.FileName(1, 2)), job, CheckpointFolder.State(job, 0, 8));
        CheckpointSet.Seal(_folder.Path, 8, hashes);
        Assert.Contains("does not hold every chunk of the model once, whole", Refused(8), StringComparison.Ordinal);
    }

    [Fact]
    public void A_part_with_fewer_values_than_its_chunks_have_is_refused()
    {
        JobDescriptor job = CheckpointFolder.Job(1);
        ShardSnapshot state = CheckpointFolder.State(job, 0, 5);
        ShardSnapshot[] bad =
        [
            state with { Values = state.Values[1..] }, state with { State1 = state.State1[1..] }, state with { State2 = [.. state.State2, 0] }, state with { Hints = state.Hints[1..] },
            state with { Chunks = [.. state.Chunks[..^1], -1] }, state with { Chunks = [.. state.Chunks[..^1], 1000] },
        ];
        foreach (ShardSnapshot part in bad)
        {
            Directory.CreateDirectory(CheckpointSet.DirectoryOf(_folder.Path, 5));
            CheckpointSet.Seal(_folder.Path, 5, [CheckpointPart.Write(_folder.File(5, CheckpointPart.FileName(0, 1)), job, part)]);
            Refused(5);
        }
    }

    [Fact]
    public void The_newest_sets_are_kept_and_older_remains_deleted()
    {
        JobDescriptor job = CheckpointFolder.Job(2);
        foreach (long version in new long[] { 10, 20, 40, 50 })
        {
            _folder.WriteSet(job, version);
        }

        _folder.WriteParts(job, 15);
        _folder.WriteParts(job, 60);
        CheckpointSet.Prune(_folder.Path, 2);
        Assert.Equal([40, 50], CheckpointSet.List(_folder.Path));
        Assert.False(Directory.Exists(CheckpointSet.DirectoryOf(_folder.Path, 15)));

        // It is being written just now.
        Assert.True(Directory.Exists(CheckpointSet.DirectoryOf(_folder.Path, 60)));
        CheckpointSet.Prune(_folder.Path, 2);
        CheckpointSet.Prune(_folder.Path, 7);
        Assert.Equal([40, 50], CheckpointSet.List(_folder.Path));
        CheckpointSet.Prune(_folder.Path, 0);
        Assert.Equal([50], CheckpointSet.List(_folder.Path));
    }

    [Fact]
    public void What_a_later_generation_writes_again_is_left_alone()
    {
        JobDescriptor job = CheckpointFolder.Job(1);
        foreach (long version in new long[] { 10, 20, 30 })
        {
            _folder.WriteSet(job, version);
        }

        string again = _folder.File(20, CheckpointPart.FileName(0, 1, generation: 1));
        CheckpointPart.Write(again, job, CheckpointFolder.State(job, 0, 20));
        CheckpointSet.Prune(_folder.Path, 1, generation: 0);
        Assert.Equal([20, 30], CheckpointSet.List(_folder.Path));
        Assert.True(File.Exists(again));
        CheckpointSet.Prune(_folder.Path, 1, generation: 1);
        Assert.Equal([30], CheckpointSet.List(_folder.Path));
    }

    [Fact]
    public void The_best_versions_that_kept_sets_know_of_are_kept()
    {
        JobDescriptor job = CheckpointFolder.Job(2);
        // Each set knows of the evaluations before it: 20 was the best until 40 came.
        foreach ((long version, long? best) in new (long, long?)[] { (10, null), (20, 10), (30, 20), (40, 20), (50, 40) })
        {
            CheckpointSet.Seal(_folder.Path, version, _folder.WriteParts(job, version), best: new BestState(best, best, best, 1));
        }

        Assert.Equal(new BestState(20, 20, 20, 1), CheckpointSet.BestOf(_folder.Path, 40));
        CheckpointSet.Prune(_folder.Path, 2, spared: [30]);
        Assert.Equal([20, 30, 40, 50], CheckpointSet.List(_folder.Path));
        CheckpointSet.Prune(_folder.Path, 1);
        Assert.Equal([40, 50], CheckpointSet.List(_folder.Path));
    }

    [Fact]
    public void A_checkpoint_of_another_job_or_model_is_refused()
    {
        _folder.WriteSet(CheckpointFolder.Job(1), 5);
        CheckpointSet set = CheckpointSet.Read(_folder.Path, 5);
        Assert.Contains("was cut by another job or with other data (stub instead of other)", Load(CheckpointFolder.Job(1) with { JobHash = "other" }), StringComparison.Ordinal);
        JobDescriptor job = CheckpointFolder.Job(1);
        Assert.Contains("holds another model", Load(job with { Tensors = [.. job.Tensors.Skip(1)] }), StringComparison.Ordinal);

        string Load(JobDescriptor descriptor) => Assert.Throws<ProtocolException>(() => new ShardState(descriptor, 0).Load(set)).Message;
    }

    public void Dispose() => _folder.Dispose();

    private string Refused(long version)
    {
        ProtocolException exception = Assert.Throws<ProtocolException>(() => CheckpointSet.Read(_folder.Path, version));
        Assert.Equal(ProtocolError.Checkpoint, exception.Error);
        return exception.Message;
    }
}
