using System.Buffers;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

/// <summary>How one shard answers contributions.</summary>
public sealed class ShardStateTests
{
    private readonly JobDescriptor _job = StubGradients.Job(1, 4, 6);
    private readonly ShardState _shard;
    private readonly ModelLayout _layout;

    public ShardStateTests()
    {
        _shard = new ShardState(_job, 0);
        _layout = _shard.Layout;
        _shard.Initialize(StubGradients.Initial(_job));
    }

    [Fact]
    public void Slots_that_are_new_are_accepted_and_those_that_are_in_acknowledged()
    {
        Assert.Equal((PushStatus.Accepted, "", ""), Push(Of([0, 2])));
        Assert.Equal((PushStatus.Duplicate, "", ""), Push(Of([0, 2])));
        Assert.Equal((PushStatus.Duplicate, "", ""), Push(Of([2])));
        Assert.Equal([1, 3], _shard.Missing(_shard.Cursor));
        Assert.Equal((1, 2, 0, 0), (_shard.Intake.Counters.Accepted, _shard.Intake.Counters.Duplicate, _shard.Intake.Counters.Refused, _shard.Intake.Counters.Stale));
    }

    [Fact]
    public void A_push_whose_answer_comes_after_the_update_counts_for_the_step_that_it_completed()
    {
        PushTicket[] tickets = [.. new int[][] { [0, 2], [1, 3] }.Select(slots =>
        {
            Contribution contribution = Of(slots);
            PushTicket ticket = _shard.Intake.BeginPush(contribution with { Chunks = [] });
            foreach (ChunkSum chunk in contribution.Chunks)
            {
                _shard.Intake.AddChunk(ticket, chunk);
            }

            return ticket;
        })];
        Assert.Equal(PushStatus.Accepted, _shard.Intake.EndPush(tickets[0]).Status);
        _shard.Update(1);
        CommittedStep step = _shard.Commit();
        Assert.Equal(PushStatus.Accepted, _shard.Intake.EndPush(tickets[1]).Status);

        Assert.Equal((2, 0), (step.Counters.Accepted, step.Counters.Stale));
        Assert.Equal([2, 2], step.Counters.GroupSizes);
        Assert.Equal((0, 0), (_shard.Intake.Counters.Accepted, _shard.Intake.Counters.Stale));
    }

    [Fact]
    public void Slots_that_are_in_in_part_are_refused_and_nothing_of_them_is_added()
    {
        Push(Of([0, 1]));
        Assert.Equal((PushStatus.Refused, "2", ""), Push(Of([1, 2])));
        Assert.Equal([2, 3], _shard.Missing(_shard.Cursor));
        Push(Of([2]));
        Push(Of([3]));
        Assert.Equal(Alone(), Next(_shard));
    }

    [Fact]
    public void Any_grouping_gives_the_same_version()
    {
        foreach (int[] slots in new int[][] { [3], [0, 2], [1] })
        {
            Push(Of(slots));
        }

        Assert.Equal(Alone(), Next(_shard));
    }

    [Fact]
    public void Another_cursor_is_stale_and_changes_nothing()
    {
        Cursor cursor = _shard.Cursor;
        foreach (Cursor other in new[] { cursor with { Attempt = Cursor.Evaluation }, cursor with { Step = 1 }, cursor with { Generation = 1 } })
        {
            Assert.Equal((PushStatus.Stale, "", ""), Push(Of([0], other)));
        }

        Assert.Equal([0, 1, 2, 3], _shard.Missing(cursor));
        Assert.Empty(_shard.Missing(cursor with { Attempt = Cursor.Evaluation }));
        Assert.Equal([0, 1, 2, 3], _shard.Missing(cursor with { Step = 1 }));
        Assert.Equal(3, _shard.Intake.Counters.Stale);
    }

    [Fact]
    public void A_push_that_breaks_off_leaves_whole_chunks_and_can_be_sent_again()
    {
        Contribution contribution = Of([1, 2]);
        PushTicket broken = _shard.Intake.BeginPush(contribution);
        Assert.True(_shard.Intake.AddChunk(broken, contribution.Chunks[0]));
        Assert.Equal([0, 1, 2, 3], _shard.Missing(_shard.Cursor));

        Assert.Equal((PushStatus.Accepted, "", ""), Push(contribution));
        Push(Of([0]));
        Push(Of([3]));
        // Both brought of the group's chunks; its slots count once.
        Assert.Equal([2, 1, 1], _shard.Intake.Counters.GroupSizes);
        Assert.Equal(Alone(), Next(_shard));
    }

    [Fact]
    public void Single_slots_resolve_whatever_groups_left_behind()
    {
        Contribution contribution = Of([1, 2]);
        _shard.Intake.AddChunk(_shard.Intake.BeginPush(contribution), contribution.Chunks[0]);

        // Each group overlaps in some chunk with the other's remains; both are refused, and what lacks goes alone.
        Assert.Equal((PushStatus.Refused, "0", ""), Push(Of([0, 1])));
        Assert.Equal((PushStatus.Refused, "2", ""), Push(contribution));
        foreach (int slot in new[] { 2, 0, 3 })
        {
            Assert.Equal((PushStatus.Accepted, "", ""), Push(Of([slot])));
        }

        Assert.Equal((PushStatus.Duplicate, "", ""), Push(Of([1])));
        Assert.Equal(Alone(), Next(_shard));
    }

    [Fact]
    public void A_duplicate_with_another_hash_is_an_alarm_and_counts_no_more()
    {
        Push(Of([0, 1, 2, 3]));
        Contribution other = Of([1, 2], change: 1e-3f);
        Assert.Equal((PushStatus.Duplicate, "", "1 2"), Push(other));
        Assert.Equal(2, _shard.Intake.Counters.Mismatched);
        Assert.Equal(Alone(), Next(_shard));
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
        Assert.Contains($"slot 0 has 1 chunk hashes, not {_layout.Chunks.Count} on shard 0", Invalid(good with { Reports = [report with { ChunkHashes = [1] }] }), StringComparison.Ordinal);
        Assert.Contains("reports -1 samples", Invalid(good with { Reports = [report with { Samples = -1 }] }), StringComparison.Ordinal);
        Assert.Contains($"{_layout.Chunks.Count - 1} of {_layout.Chunks.Count} chunks came", Invalid(good with { Chunks = [.. good.Chunks.Skip(1)] }), StringComparison.Ordinal);

        Contribution fresh = Of([2, 3]);
        ChunkSum chunk = fresh.Chunks[0];
        Assert.Contains("comes twice", Invalid(fresh with { Chunks = [chunk, chunk] }), StringComparison.Ordinal);
        Assert.Contains("chunk 99 is not one of shard 0", Invalid(fresh with { Chunks = [chunk with { Chunk = 99 }] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_that_cannot_be_are_refused_with_what_is_wrong_and_change_nothing()
    {
        // At version 0 every block escapes; after a step most fit, and both kinds are there.
        Push(Of([0, 1, 2, 3]));
        Next(_shard);
        Contribution good = Of([0, 2], spike: 1);
        ChunkSum chunk = good.Chunks[0];
        (int blocks, int length) = (_layout.Chunks[0].BlockCount, _layout.Chunks[0].Length);
        Assert.False(chunk.Sums.IsEmpty);
        Assert.False(chunk.Escapes.IsEmpty);
        int[] sums = chunk.Sums.ToArray();
        int[] escapes = chunk.Escapes.ToArray();
        byte[] exponents = chunk.Exponents.ToArray();

        Assert.Contains($"chunk 0 has {blocks} blocks, so that 2 slots have {2 * blocks} exponents, not 1", Refused(chunk with { Exponents = new byte[1] }), StringComparison.Ordinal);
        Assert.Contains("an exponent that is none", Refused(chunk with { Exponents = Changed(exponents, 0, (byte)210) }), StringComparison.Ordinal);
        Assert.Contains($"chunk 0 has {length} elements, not {length - 1}", Refused(chunk with { Sums = sums.AsMemory(1) }), StringComparison.Ordinal);
        Assert.Contains("some stand at their hint, and 0 integers", Refused(chunk with { Sums = default }), StringComparison.Ordinal);
        Assert.Contains("fewer than its exponents say", Refused(chunk with { Escapes = new(escapes[1..]) }), StringComparison.Ordinal);
        Assert.Contains("more than its exponents say", Refused(chunk with { Escapes = new([.. escapes, 0]) }), StringComparison.Ordinal);
        Assert.Contains("has a sum of 1 slots at exponent", Refused(chunk with { Sums = Changed(sums, 0, (1 << 28) + 1) }), StringComparison.Ordinal);
        Assert.Contains("has a sum of 1 slots at exponent", Refused(chunk with { Escapes = new(Changed(escapes, 0, int.MinValue)) }), StringComparison.Ordinal);
        foreach (ChunkSum damaged in new[] { chunk with { Sums = Changed(sums, 3, sums[3] + 1) }, chunk with { Escapes = new(Changed(escapes, 1, escapes[1] - 1)) }, chunk with { Exponents = Changed(exponents, 0, (byte)(exponents[0] - 1)) } })
        {
            Assert.Contains("do not have the hash of their slots", Refused(damaged), StringComparison.Ordinal);
        }

        // No element may escape below its hint: what is said to stand there is looked for at the hint.
        Assert.Equal([0, 1, 2, 3], _shard.Missing(_shard.Cursor));
        Assert.Equal(PushStatus.Accepted, Push(_shard, good).Status);

        string Refused(ChunkSum bad) => Invalid(good with { Chunks = [bad] });

        static T[] Changed<T>(T[] values, int at, T value)
        {
            T[] changed = [.. values];
            changed[at] = value;
            return changed;
        }
    }

    [Fact]
    public void A_slot_that_is_not_finite_comes_alone_without_numbers_and_enters_no_sum()
    {
        var group = new GroupBuilder(_job, _layout);
        group.Begin(_shard.Cursor, [Hints(_shard)]);
        float[] gradient = new float[_layout.Elements];
        for (int slot = 0; slot < 3; slot++)
        {
            StubGradients.Fill(gradient, StubGradients.Initial(_job), 0, slot);
            Assert.True(group.Add(slot, 1, 1, gradient));
        }

        StubGradients.Fill(gradient, StubGradients.Initial(_job), 0, 3);
        // The first blocks are in the sum by the time that the value is seen.
        float kept = gradient[^1];
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            gradient[^1] = bad;
            Assert.False(group.Add(3, 1, 1, gradient));
        }

        gradient[^1] = kept;
        Assert.False(group.Add(3, 1, double.NaN, gradient));
        Contribution alone = group.NotFinite("w", 3, 1, 1)[0];
        Assert.Equal(PushStatus.NotFinite, Push(_shard, alone).Status);
        Assert.Equal(StepDecision.Wait, _shard.Intake.Decide());
        Assert.Contains("does not come alone", Invalid(alone with { Reports = [Of([0]).Reports[0], alone.Reports[0]] }), StringComparison.Ordinal);
        Assert.Contains("comes with a sum", Invalid(alone with { Chunks = Of([3]).Chunks }), StringComparison.Ordinal);

        Assert.Equal(PushStatus.Accepted, Push(_shard, group.Build("w")[0]).Status);
        Push(Of([3]));
        Assert.Equal(Alone(), Next(_shard));

        Push(_shard, alone with { Cursor = _shard.Cursor });
        Push(_shard, alone with { Cursor = _shard.Cursor, WorkerId = "other" });
        Assert.Equal((StepDecision.NotFinite, 3), (_shard.Intake.Decide(), _shard.Intake.NotFiniteSlots().Single()));
    }

    [Fact]
    public void A_gradient_that_overflows_where_its_slots_are_added_up_ends_the_job_by_name()
    {
        var group = new GroupBuilder(_job, _layout);
        group.Begin(_shard.Cursor, [Hints(_shard)]);
        float[] gradient = new float[_layout.Elements];
        for (int slot = 0; slot < 4; slot++)
        {
            gradient[250] = float.MaxValue / 3;
            Assert.True(group.Add(slot, 1, 1, gradient));
        }

        Push(_shard, group.Build("w")[0]);
        ProtocolException exception = Assert.Throws<ProtocolException>(() => _shard.Update(1));
        Assert.Equal(ProtocolError.NotFinite, exception.Error);
        Assert.StartsWith("Job job: the gradient of step 0 overflows float32 where its slots are added up (tensor c).", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_number_of_threads_gives_the_same_version()
    {
        JobDescriptor job = StubGradients.Job(1, 2, 6, elements: 1_500_000);
        UInt128[] one = Version(1);
        Assert.Equal(one, Version(2));
        Assert.Equal(one, Version(7));

        UInt128[] Version(int threads)
        {
            var shard = new ShardState(job, 0);
            shard.Initialize(StubGradients.Initial(job));
            var group = new GroupBuilder(job, shard.Layout);
            group.Begin(shard.Cursor, [Hints(shard)]);
            float[] gradient = new float[shard.Elements];
            for (int slot = 0; slot < 2; slot++)
            {
                StubGradients.Fill(gradient, StubGradients.Initial(job), 0, slot);
                group.Add(slot, 1, 1, gradient);
            }

            Push(shard, group.Build("w")[0]);
            shard.Update(1, threads);
            shard.Commit();
            return shard.BlockHashes;
        }
    }

    /// <summary>Arrays far larger than the caches are written past them.</summary>
    [Fact]
    public void A_large_model_on_one_shard_is_what_it_is_on_two()
    {
        UInt128[] whole = Hashes(1);
        UInt128[] halves = Hashes(2);
        Assert.Equal(whole, halves);

        static UInt128[] Hashes(int shards)
        {
            JobDescriptor job = StubGradients.Job(shards, 2, 6, elements: 12_600_003);
            ShardState[] parts = [.. Enumerable.Range(0, shards).Select(shard => new ShardState(job, shard))];
            float[] values = StubGradients.Initial(job);
            foreach (ShardState part in parts)
            {
                part.Initialize(values.AsSpan(part.Layout.ChunksOf(part.Shard)[0].ModelOffset, part.Elements));
            }

            float[] gradient = new float[values.Length];
            for (int slot = 0; slot < 2; slot++)
            {
                var group = new GroupBuilder(job, parts[0].Layout);
                group.Begin(parts[0].Cursor, [.. parts.Select(Hints)]);
                StubGradients.Fill(gradient, values, 0, slot);
                group.Add(slot, 1, 1, gradient);
                foreach ((Contribution contribution, ShardState part) in group.Build("w").Zip(parts))
                {
                    Assert.Equal(PushStatus.Accepted, Push(part, contribution).Status);
                }
            }

            return [.. parts.SelectMany(Next)];
        }
    }

    [Fact]
    public void In_16_bits_steps_escape_at_first_and_are_bounded_at_the_door_thereafter()
    {
        JobDescriptor job = _job with { Contribution = 16, Slots = 1 };
        var shard = new ShardState(job, 0);
        shard.Initialize(StubGradients.Initial(job));
        Contribution first = Fill();
        Assert.True(first.IsNarrow && first.Chunks.All(c => c.Sums.IsEmpty && !c.Escapes.IsEmpty), "Some block of version 0 fits its hint.");
        Push(shard, first);
        Next(shard);

        Contribution second = Fill();
        Assert.All(second.Chunks, c => Assert.True(c.Escapes.IsEmpty));
        // Of parameters 14 bits, of the buffer at the end as many as there are.
        int[] sums = [.. second.Chunks.SelectMany(c => c.Sums.ToArray())];
        Assert.All(sums[..250], q => Assert.InRange(Math.Abs(q), 0, 1 << 14));
        Assert.Contains(sums[250..], q => Math.Abs(q) > 1 << 14);

        ChunkSum chunk = second.Chunks[0];
        int[] beyond = chunk.Sums.ToArray();
        beyond[3] = (1 << 14) + 1;
        PushTicket ticket = shard.Intake.BeginPush(second with { Chunks = [] });
        ProtocolException exception = Assert.Throws<ProtocolException>(() => shard.Intake.AddChunk(ticket, chunk with { Sums = beyond }));
        Assert.Contains("has a sum of 1 slots at exponent", exception.Message, StringComparison.Ordinal);
        Assert.Contains("beyond 16384", exception.Message, StringComparison.Ordinal);

        Contribution Fill()
        {
            var group = new GroupBuilder(job, shard.Layout);
            group.Begin(shard.Cursor, [Hints(shard)]);
            float[] gradient = new float[shard.Elements];
            StubGradients.Fill(gradient, StubGradients.Initial(job), 0, 0);
            Assert.True(group.Add(0, 1, 1, gradient));
            return group.Build("w")[0];
        }
    }

    [Fact]
    public void In_16_bits_the_sums_of_as_many_slots_as_there_may_be_do_not_wrap()
    {
        JobDescriptor job = StubGradients.Job(1, 65_536, 6, new OptimizerSpec { Kind = OptimizerKind.Sgd, LearningRate = 1 }, elements: 12) with { Contribution = 16 };
        var shard = new ShardState(job, 0);
        shard.Initialize(new float[shard.Elements]);
        var group = new GroupBuilder(job, shard.Layout);
        // In the first step all escape; in the second each is as large as its hint allows: 2^14, and the sum 2^30.
        foreach (float gradient in new[] { MathF.ScaleB(1, -20), MathF.ScaleB(1, -19) })
        {
            group.Begin(shard.Cursor, [Hints(shard)]);
            for (int slot = 0; slot < job.Slots; slot++)
            {
                Assert.True(group.Add(slot, 1, 1, [.. Enumerable.Repeat(gradient, shard.Elements)]));
            }

            Contribution all = group.Build("w")[0];
            Assert.Equal(PushStatus.Accepted, Push(shard, all).Status);
            Next(shard);
        }

        using PulledVersion version = shard.View(-1);
        Assert.Equal([.. Enumerable.Repeat(-0.1875f, 10), .. Enumerable.Repeat(0.1875f, 2)], version.Values!.Value.ToArray());
    }

    [Theory]
    [InlineData(24, 4, PullFormat.Float32, "contributions of 4 slots in 24 bits cannot be")]
    [InlineData(16, 65_537, PullFormat.Float32, "contributions of 65537 slots in 16 bits cannot be")]
    [InlineData(32, 4, (PullFormat)3, "cannot pull in the format 3")]
    public void Formats_that_are_none_are_refused(int contribution, int slots, PullFormat pull, string reason)
    {
        ProtocolException exception = Assert.Throws<ProtocolException>(() => new ShardState(_job with { Contribution = contribution, Slots = slots, Pull = pull }, 0));
        Assert.Equal(ProtocolError.Invalid, exception.Error);
        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
    }

    private static short[] Hints(ShardState shard)
    {
        using PulledVersion version = shard.View(0);
        return version.Hints.ToArray();
    }

    /// <summary>Makes the next version.</summary>
    /// <returns>Its hashes.</returns>
    private static UInt128[] Next(ShardState shard)
    {
        shard.Update(1);
        shard.Commit();
        return shard.BlockHashes;
    }

    private static PushResult Push(ShardState shard, Contribution contribution)
    {
        PushTicket ticket = shard.Intake.BeginPush(contribution with { Chunks = [] });
        foreach (ChunkSum chunk in contribution.Chunks)
        {
            shard.Intake.AddChunk(ticket, chunk);
        }

        return shard.Intake.EndPush(ticket);
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
        var shard = new ShardState(_job, 0);
        shard.Initialize(StubGradients.Initial(_job));
        Push(shard, Of([0, 1, 2, 3], shard.Cursor, hints: Hints(shard)));
        return Next(shard);
    }

    /// <param name="spike">Of this slot the first block is far larger.</param>
    private Contribution Of(int[] slots, Cursor? cursor = null, float change = 0, short[]? hints = null, int spike = -1)
    {
        var group = new GroupBuilder(_job, _layout);
        group.Begin(cursor ?? _shard.Cursor, [hints ?? Hints(_shard)]);
        var gradient = new float[_layout.Elements];
        for (int i = 0; i < slots.Length; i++)
        {
            StubGradients.Fill(gradient, StubGradients.Initial(_job), 0, slots[i]);
            gradient[0] += change + (i == spike ? 1000 : 0);
            group.Add(slots[i], 1, 1, gradient);
        }

        return group.Build("w")[0];
    }
}
