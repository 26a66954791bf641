using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

/// <summary>How one shard answers contributions.</summary>
public sealed class ShardJobTests
{
    private readonly JobDescriptor _job = StubGradients.Job(1, 4, 6);
    private readonly ShardJob _shard;
    private readonly ModelLayout _layout;

    public ShardJobTests()
    {
        _shard = new ShardJob(_job, 0);
        _layout = _shard.Layout;
        _shard.Initialize(StubGradients.Initial(_job));

        // The first attempt only measures.
        Push(Of([0, 1, 2, 3]));
        _shard.Repeat();
    }

    [Fact]
    public void Slots_that_are_new_are_accepted_and_those_that_are_in_acknowledged()
    {
        Assert.Equal((PushStatus.Accepted, "", ""), Push(Of([0, 2])));
        Assert.Equal((PushStatus.Duplicate, "", ""), Push(Of([0, 2])));
        Assert.Equal((PushStatus.Duplicate, "", ""), Push(Of([2])));
        Assert.Equal([1, 3], _shard.Missing(_shard.Cursor));
        // One was to measure.
        Assert.Equal((2, 2, 0, 0), (_shard.Counters.Accepted, _shard.Counters.Duplicate, _shard.Counters.Refused, _shard.Counters.Stale));
    }

    [Fact]
    public void A_push_whose_answer_comes_after_the_update_counts_for_the_step_that_it_completed()
    {
        PushTicket[] tickets = [.. new int[][] { [0, 2], [1, 3] }.Select(slots =>
        {
            Contribution contribution = Of(slots);
            PushTicket ticket = _shard.BeginPush(contribution with { Chunks = [] });
            foreach (ChunkSum chunk in contribution.Chunks)
            {
                _shard.AddChunk(ticket, chunk);
            }

            return ticket;
        })];
        Assert.Equal(PushStatus.Accepted, _shard.EndPush(tickets[0]).Status);
        _shard.Update(1);
        CommittedStep step = _shard.Commit();
        Assert.Equal(PushStatus.Accepted, _shard.EndPush(tickets[1]).Status);

        // One was to measure.
        Assert.Equal((3, 0), (step.Counters.Accepted, step.Counters.Stale));
        Assert.Equal([2, 2], step.Counters.GroupSizes);
        Assert.Equal((0, 0), (_shard.Counters.Accepted, _shard.Counters.Stale));
    }

    [Fact]
    public void Slots_that_are_in_in_part_are_refused_and_nothing_of_them_is_added()
    {
        Push(Of([0, 1]));
        Assert.Equal((PushStatus.Refused, "2", ""), Push(Of([1, 2])));
        Assert.Equal([2, 3], _shard.Missing(_shard.Cursor));
        Push(Of([2]));
        Push(Of([3]));
        Assert.Equal(Alone(), _shard.Update(1));
    }

    [Fact]
    public void Any_grouping_gives_the_same_version()
    {
        foreach (int[] slots in new int[][] { [3], [0, 2], [1] })
        {
            Push(Of(slots));
        }

        Assert.Equal(Alone(), _shard.Update(1));
    }

    [Fact]
    public void Another_cursor_is_stale_and_changes_nothing()
    {
        Cursor cursor = _shard.Cursor;
        foreach (Cursor other in new[] { cursor with { Attempt = 0 }, cursor with { Attempt = 2 }, cursor with { Step = 1 }, cursor with { Generation = 1 } })
        {
            Assert.Equal((PushStatus.Stale, "", ""), Push(Of([0], other)));
        }

        Assert.Equal([0, 1, 2, 3], _shard.Missing(cursor));
        Assert.Empty(_shard.Missing(cursor with { Attempt = 0 }));
        Assert.Equal([0, 1, 2, 3], _shard.Missing(cursor with { Attempt = 2 }));
        Assert.Equal(4, _shard.Counters.Stale);
    }

    [Fact]
    public void A_push_that_breaks_off_leaves_whole_chunks_and_can_be_sent_again()
    {
        Contribution contribution = Of([1, 2]);
        PushTicket broken = _shard.BeginPush(contribution);
        Assert.True(_shard.AddChunk(broken, contribution.Chunks[0]));
        Assert.Equal([0, 1, 2, 3], _shard.Missing(_shard.Cursor));

        Assert.Equal((PushStatus.Accepted, "", ""), Push(contribution));
        Push(Of([0]));
        Push(Of([3]));
        // Both brought of the group's chunks; its slots count once.
        Assert.Equal([2, 1, 1], _shard.Counters.GroupSizes);
        Assert.Equal(Alone(), _shard.Update(1));
    }

    [Fact]
    public void Single_slots_resolve_whatever_groups_left_behind()
    {
        Contribution contribution = Of([1, 2]);
        _shard.AddChunk(_shard.BeginPush(contribution), contribution.Chunks[0]);

        // Each group overlaps in some chunk with the other's remains; both are refused, and what lacks goes alone.
        Assert.Equal((PushStatus.Refused, "0", ""), Push(Of([0, 1])));
        Assert.Equal((PushStatus.Refused, "2", ""), Push(contribution));
        foreach (int slot in new[] { 2, 0, 3 })
        {
            Assert.Equal((PushStatus.Accepted, "", ""), Push(Of([slot])));
        }

        Assert.Equal((PushStatus.Duplicate, "", ""), Push(Of([1])));
        Assert.Equal(Alone(), _shard.Update(1));
    }

    [Fact]
    public void A_duplicate_with_another_hash_is_an_alarm_and_counts_no_more()
    {
        Push(Of([0, 1, 2, 3]));
        Contribution other = Of([1, 2], change: 1e-3f);
        Assert.Equal((PushStatus.Duplicate, "", "1 2"), Push(other));
        Assert.Equal(2, _shard.Counters.Mismatched);
        Assert.Equal(Alone(), _shard.Update(1));
    }

    [Fact]
    public void What_does_not_fit_the_job_is_refused_with_what_is_wrong()
    {
        Contribution good = Of([0, 1]);
        SlotReport report = good.Reports[0];
        Assert.Contains("it has no slots", Invalid(good with { Reports = [] }), StringComparison.Ordinal);
        Assert.Contains("slot 0 after 1 is not in ascending order within 0 … 3", Invalid(good with { Reports = [good.Reports[1], report] }), StringComparison.Ordinal);
        Assert.Contains("slot 4 after -1", Invalid(good with { Reports = [report with { Slot = 4 }] }), StringComparison.Ordinal);
        Assert.Contains("slot -1 after -1", Invalid(good with { Reports = [report with { Slot = -1 }] }), StringComparison.Ordinal);
        Assert.Contains($"slot 0 has 1 chunk hashes, shard 0 has {_layout.Chunks.Count} chunks", Invalid(good with { Reports = [report with { ChunkHashes = [1] }] }), StringComparison.Ordinal);
        Assert.Contains("reports -1 samples", Invalid(good with { Reports = [report with { Samples = -1 }] }), StringComparison.Ordinal);
        Assert.Contains($"{_layout.Chunks.Count - 1} of {_layout.Chunks.Count} chunks came", Invalid(good with { Chunks = [.. good.Chunks.Skip(1)] }), StringComparison.Ordinal);

        ChunkSum chunk = good.Chunks[0];
        Contribution fresh = Of([2, 3]);
        Assert.Contains("comes twice", Invalid(fresh with { Chunks = [chunk, chunk] }), StringComparison.Ordinal);
        Assert.Contains("chunk 99 is not one of shard 0", Invalid(fresh with { Chunks = [chunk with { Chunk = 99 }] }), StringComparison.Ordinal);
        Assert.Contains($"chunk 1 has {_layout.Chunks[1].Length} elements", Invalid(fresh with { Chunks = [fresh.Chunks[1] with { Sums = new int[3] }] }), StringComparison.Ordinal);
        Assert.Contains("blocks, not", Invalid(fresh with { Chunks = [fresh.Chunks[1] with { BlockMaxima = new float[9] }] }), StringComparison.Ordinal);
    }

    [Fact]
    public void All_shards_repeat_a_step_that_overflowed_wherever_it_did()
    {
        JobDescriptor job = StubGradients.Job(2, 2, 6);
        var layout = new ModelLayout(job.Tensors, 2);
        ShardJob[] shards = [new ShardJob(job, 0), new ShardJob(job, 1)];
        float[] values = StubGradients.Initial(job), gradient = new float[layout.Elements];
        foreach (ShardJob shard in shards)
        {
            shard.Initialize(layout.Gather(shard.Shard, values));
        }

        // Attempt 0 measures; in attempt 1 the first element, which is on shard 0, is far larger; attempt 2 fits.
        StepDecision[] expected = [StepDecision.Repeat, StepDecision.Repeat, StepDecision.Update];
        for (int attempt = 0; attempt < expected.Length; attempt++)
        {
            var group = new GroupBuilder(job, layout);
            group.Begin(shards[0].Cursor, shards[0].Measures, [.. shards.Select(Ranges)]);
            foreach (int slot in new[] { 0, 1 })
            {
                StubGradients.Fill(gradient, values, 0, slot);
                gradient[0] += attempt > 0 && slot == 1 ? 1000 : 0;
                group.Add(slot, 1, 1, [], gradient);
            }

            IReadOnlyList<Contribution> parts = group.Build("w");
            foreach (ShardJob shard in shards)
            {
                Push(shard, parts[shard.Shard]);
                Assert.Equal(expected[attempt], shard.Decide());
            }

            foreach (ShardJob shard in shards.Where(_ => expected[attempt] == StepDecision.Repeat))
            {
                shard.Repeat();
            }
        }

        Assert.All(shards, s => Assert.Equal(1, s.Counters.RangeRepeats));
        Assert.All(shards, s => Assert.Throws<InvalidOperationException>(s.Repeat));
    }

    private static short[] Ranges(ShardJob shard)
    {
        using PulledVersion version = shard.View(0);
        return version.Ranges;
    }

    private static PushResult Push(ShardJob shard, Contribution contribution)
    {
        PushTicket ticket = shard.BeginPush(contribution with { Chunks = [] });
        foreach (ChunkSum chunk in contribution.Chunks)
        {
            shard.AddChunk(ticket, chunk);
        }

        return shard.EndPush(ticket);
    }

    private (PushStatus Status, string Missing, string Mismatched) Push(Contribution contribution)
    {
        PushResult result = Push(_shard, contribution);
        return (result.Status, string.Join(' ', result.Missing), string.Join(' ', result.Mismatched));
    }

    private string Invalid(Contribution contribution)
    {
        ProtocolException exception = Assert.Throws<ProtocolException>(() => Push(contribution));
        Assert.Equal(ProtocolError.Invalid, exception.Error);
        return exception.Message;
    }

    /// <summary>The hashes of the next version of an undisturbed shard that gets one contribution of all slots.</summary>
    private UInt128[] Alone()
    {
        var shard = new ShardJob(_job, 0);
        shard.Initialize(StubGradients.Initial(_job));
        Push(shard, Of([0, 1, 2, 3], shard.Cursor, ranges: Ranges(shard), measures: true));
        shard.Repeat();
        Push(shard, Of([0, 1, 2, 3], shard.Cursor, ranges: Ranges(shard)));
        return shard.Update(1);
    }

    private Contribution Of(int[] slots, Cursor? cursor = null, float change = 0, short[]? ranges = null, bool? measures = null)
    {
        var group = new GroupBuilder(_job, _layout);
        group.Begin(cursor ?? _shard.Cursor, measures ?? _shard.Measures, [ranges ?? Ranges(_shard)]);
        var gradient = new float[_layout.Elements];
        foreach (int slot in slots)
        {
            StubGradients.Fill(gradient, StubGradients.Initial(_job), 0, slot);
            gradient[0] += change;
            group.Add(slot, 1, 1, [], gradient);
        }

        return group.Build("w")[0];
    }
}
