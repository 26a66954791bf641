using Lockstep.Core.Protocol;
using Lockstep.Coordination.Tests.Servers;

namespace Lockstep.Coordination.Tests.Leases;

/// <summary>What every lease table does, wherever it lives.</summary>
public abstract class LeaseContract
{
    private const int Slots = 3;
    private static readonly Cursor First = new(0, 0, 0);
    private protected static readonly CancellationToken None = CancellationToken.None;

    private protected abstract Task<TestLeases> BeginAsync();

    [Fact]
    public async Task Leases_the_lowest_free_slot_and_none_when_all_are_taken()
    {
        ILeases leases = (await BeginAsync()).Leases;
        Assert.Equal(new Lease(0, false, TestLeases.Duration), await leases.AdvanceAsync(First, Slots, "a", None));
        Assert.Equal(new Lease(1, false, TestLeases.Duration), await leases.AdvanceAsync(First, Slots, "b", None));
        Assert.Equal(new Completion(true, false, new Lease(2, false, TestLeases.Duration)), await leases.CompleteAsync(First, 0, "a", true, None));
        Assert.Equal(new Completion(true, false, null), await leases.CompleteAsync(First, 1, "b", true, None));
        Assert.Equal(new LeaseCounts(3, 0, 0), await leases.CountAsync(None));
    }

    [Fact]
    public async Task A_later_cursor_frees_all_slots_and_an_older_one_is_stale()
    {
        ILeases leases = (await BeginAsync()).Leases;
        await leases.AdvanceAsync(First, Slots, "a", None);
        Cursor[] order = [First with { Attempt = 1 }, new(0, 1, Cursor.Evaluation), new(0, 1, 0), new(0, 10, 0), new(1, 9, 0)];
        Cursor before = First;
        foreach (Cursor cursor in order)
        {
            Assert.Equal(0, (await leases.AdvanceAsync(cursor, Slots, "a", None))?.Slot);
            Assert.Equal(new Completion(false, true, null), await leases.CompleteAsync(before, 0, "a", true, None));
            Assert.Null(await leases.AdvanceAsync(before, Slots, "b", None));
            Assert.Null(await leases.TakeOverAsync(before, Slots, [0, 1, 2], "b", 2, None));
            await leases.ReleaseAsync(before, [0], None);
            await leases.PushedAsync(before, [0], None);
            Assert.True((await leases.CompleteAsync(cursor, 0, "a", false, None)).MayJoinGroup);
            before = cursor;
        }
    }

    [Fact]
    public async Task A_slot_that_was_handed_back_is_contested_for_whoever_has_it()
    {
        ILeases leases = (await BeginAsync()).Leases;
        await leases.AdvanceAsync(First, Slots, "a", None);
        await leases.ReleaseAsync(First, [0], None);
        Assert.Equal(new Lease(0, true, TestLeases.Duration), await leases.AdvanceAsync(First, Slots, "b", None));
        Assert.False((await leases.CompleteAsync(First, 0, "a", false, None)).MayJoinGroup);
        Assert.False((await leases.CompleteAsync(First, 0, "b", false, None)).MayJoinGroup);
    }

    [Fact]
    public async Task A_worker_gets_what_it_avoids_only_where_nothing_else_is_free()
    {
        ILeases leases = (await BeginAsync()).Leases;
        await leases.AdvanceAsync(First, Slots, "a", None);
        await leases.AdvanceAsync(First, Slots, "b", None);
        await leases.AdvanceAsync(First, Slots, "a", None);
        Assert.Equal(2, await leases.FreeWorkerAsync("a", avoids: true, None));
        Assert.Equal(1, await leases.FreeWorkerAsync("b", avoids: true, None));
        Assert.Equal(1, (await leases.AdvanceAsync(First, Slots, "a", None))?.Slot);
        Assert.Equal(0, (await leases.AdvanceAsync(First, Slots, "b", None))?.Slot);
        Assert.Equal(2, (await leases.AdvanceAsync(First, Slots, "a", None))?.Slot);
        await leases.ReleaseAsync(First, [1, 2], None);
        Assert.Equal(1, (await leases.AdvanceAsync(First, Slots, "c", None))?.Slot);
        Assert.Equal(2, (await leases.AdvanceAsync(First, Slots, "a", None))?.Slot);
        await leases.FreeWorkerAsync("c", avoids: false, None);
        // What is lost otherwise is as good as any.
        await leases.FreeWorkerAsync("a", avoids: false, None);
        Assert.Equal(1, (await leases.AdvanceAsync(First, Slots, "a", None))?.Slot);
    }

    [Fact]
    public async Task A_lease_that_ran_out_goes_to_another_worker()
    {
        TestLeases test = await BeginAsync();
        ILeases leases = test.Leases;
        await leases.AdvanceAsync(First, 1, "a", None);
        await test.PassAsync(TestLeases.Duration - TimeSpan.FromMilliseconds(1));
        Assert.Null(await leases.AdvanceAsync(First, 1, "b", None));
        await test.PassAsync(TimeSpan.FromMilliseconds(1));
        Assert.Equal(new Lease(0, true, TestLeases.Duration), await leases.AdvanceAsync(First, 1, "b", None));
        Assert.False((await leases.CompleteAsync(First, 0, "a", false, None)).MayJoinGroup);
        Assert.Equal(new LeaseCounts(2, 1, 0), await leases.CountAsync(None));
    }

    [Fact]
    public async Task An_overdue_slot_is_taken_over_by_as_many_as_are_allowed()
    {
        TestLeases test = await BeginAsync();
        ILeases leases = test.Leases;
        await leases.AdvanceAsync(First, Slots, "a", None);
        await leases.AdvanceAsync(First, Slots, "b", None);
        await test.PassAsync(TimeSpan.FromMilliseconds(20));
        // Nothing was completed yet: nobody knows what overdue is.
        Assert.Null(await leases.TakeOverAsync(First, Slots, [0, 1], "c", 2, None));
        await leases.CompleteAsync(First, 0, "a", false, None);
        Assert.Null(await leases.TakeOverAsync(First, Slots, [0, 1], "c", 2, None));
        await test.PassAsync(TimeSpan.FromMilliseconds(10));
        Assert.Null(await leases.TakeOverAsync(First, Slots, [0, 1], "c", 2, None));
        await test.PassAsync(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, (await leases.TakeOverAsync(First, Slots, [0, 1], "c", 2, None))?.Slot);
        await test.PassAsync(TimeSpan.FromMilliseconds(31));
        Assert.Null(await leases.TakeOverAsync(First, Slots, [1], "d", 2, None));
        // Completed and not yet there: its worker is slow to push it.
        Assert.Equal(new Lease(0, true, TestLeases.Duration), await leases.TakeOverAsync(First, Slots, [0, 1], "d", 2, None));
        Assert.Equal(new LeaseCounts(4, 0, 2), await leases.CountAsync(None));
    }

    [Fact]
    public async Task The_usual_time_of_evaluations_is_their_own()
    {
        TestLeases test = await BeginAsync();
        ILeases leases = test.Leases;
        var evaluation = new Cursor(0, 0, Cursor.Evaluation);
        await leases.AdvanceAsync(evaluation, Slots, "a", None);
        await test.PassAsync(TimeSpan.FromSeconds(1));
        await leases.CompleteAsync(evaluation, 0, "a", false, None);
        await leases.AdvanceAsync(First, Slots, "a", None);
        await test.PassAsync(TimeSpan.FromMilliseconds(10));
        await leases.CompleteAsync(First, 0, "a", true, None);
        await test.PassAsync(TimeSpan.FromMilliseconds(16));
        Assert.Equal(1, (await leases.TakeOverAsync(First, Slots, [1], "b", 2, None))?.Slot);
    }

    [Fact]
    public async Task An_idle_worker_gets_back_at_once_what_it_lost_and_what_a_shard_lost()
    {
        ILeases leases = (await BeginAsync()).Leases;
        await leases.AdvanceAsync(First, Slots, "a", None);
        await leases.AdvanceAsync(First, Slots, "b", None);
        await leases.CompleteAsync(First, 1, "b", false, None);
        await leases.PushedAsync(First, [1], None);
        Assert.Equal(new Lease(0, true, TestLeases.Duration), await leases.TakeOverAsync(First, Slots, [0, 1], "a", 2, None));
        Assert.Equal(new Lease(1, true, TestLeases.Duration), await leases.TakeOverAsync(First, Slots, [1], "a", 2, None));
        Assert.Equal(0, (await leases.CountAsync(None)).Speculative);
    }

    [Fact]
    public async Task A_worker_that_is_gone_leaves_what_no_shard_confirmed()
    {
        ILeases leases = (await BeginAsync()).Leases;
        for (int slot = 0; slot < Slots; slot++)
        {
            await leases.AdvanceAsync(First, Slots, "a", None);
        }

        await leases.CompleteAsync(First, 0, "a", false, None);
        await leases.CompleteAsync(First, 1, "a", false, None);
        await leases.PushedAsync(First, [1], None);
        Assert.Equal(0, await leases.FreeWorkerAsync("b", avoids: false, None));
        Assert.Equal(2, await leases.FreeWorkerAsync("a", avoids: false, None));
        Assert.Equal(0, await leases.FreeWorkerAsync("a", avoids: false, None));
        Assert.Equal([(0, true), (2, true), null], await LeaseAllAsync(leases, "b"));
    }

    [Fact]
    public async Task A_table_that_was_emptied_lets_nothing_join_and_comes_again()
    {
        TestLeases test = await BeginAsync();
        ILeases leases = test.Leases;
        await leases.AdvanceAsync(First, Slots, "a", None);
        await test.EmptyAsync();
        Assert.Equal(new Completion(false, false, null), await leases.CompleteAsync(First, 0, "a", true, None));
        Assert.Equal(0, await leases.FreeWorkerAsync("a", avoids: false, None));
        await leases.PushedAsync(First, [0], None);
        await leases.ReleaseAsync(First, [0], None);
        // Whoever waits brings the table back: there may be nobody else.
        Assert.Equal(1, (await leases.TakeOverAsync(First, Slots, [1, 2], "b", 2, None))?.Slot);
        Assert.Equal([(0, false), (2, false), null], await LeaseAllAsync(leases, "c"));
    }

    [Fact]
    public async Task Slots_that_the_job_does_not_have_change_nothing()
    {
        ILeases leases = (await BeginAsync()).Leases;
        await leases.AdvanceAsync(First, Slots, "a", None);
        Assert.Equal(1, (await leases.CompleteAsync(First, Slots, "a", true, None)).Next?.Slot);
        await leases.PushedAsync(First, [Slots], None);
        await leases.ReleaseAsync(First, [Slots + 1], None);
        Assert.Null(await leases.TakeOverAsync(First, Slots, [Slots, Slots + 1], "b", 2, None));
        Assert.Equal([(2, false), null, null], await LeaseAllAsync(leases, "b"));
    }

    private static async Task<(int Slot, bool Contested)?[]> LeaseAllAsync(ILeases leases, string worker)
    {
        var all = new (int, bool)?[Slots];
        for (int i = 0; i < Slots; i++)
        {
            all[i] = await leases.AdvanceAsync(First, Slots, worker, None) is { } lease ? (lease.Slot, lease.Contested) : null;
        }

        return all;
    }
}

public sealed class LeaseTableTests : LeaseContract
{
    private protected override Task<TestLeases> BeginAsync() => Task.FromResult<TestLeases>(new TableLeases());
}

/// <summary>What only the tables in Redis are asked.</summary>
public abstract class ScriptLeaseContract : LeaseContract
{
    [Fact]
    public async Task Tells_the_slot_that_a_worker_is_at()
    {
        var leases = (RedisLeases)(await BeginAsync()).Leases;
        Assert.Null(await leases.InHandAsync("a", None));
        var cursor = new Cursor(1, 7, 2);
        await leases.AdvanceAsync(cursor, 3, "b", None);
        await leases.AdvanceAsync(cursor, 3, "a", None);

        Assert.Equal((cursor, 1), await leases.InHandAsync("a", None));
        await leases.CompleteAsync(cursor, 1, "a", leaseNext: false, None);
        Assert.Null(await leases.InHandAsync("a", None));
    }
}

public sealed class RedisLeaseTests(DebianRedis server) : ScriptLeaseContract
{
    private protected override async Task<TestLeases> BeginAsync() => await ScriptLeases.BeginAsync(await server.ConnectAsync());
}

public sealed class GarnetLeaseTests(EmbeddedGarnet server) : ScriptLeaseContract
{
    private protected override async Task<TestLeases> BeginAsync() => await ScriptLeases.BeginAsync(await server.ConnectAsync());
}
