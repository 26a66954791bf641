using Lockstep.Core.Protocol;
using Lockstep.Coordination.Tests.Servers;
using StackExchange.Redis;
using StackExchange.Redis.Profiling;

namespace Lockstep.Coordination.Tests;

/// <summary>What leases cost on the way to a real server, and that they run out by its clock.</summary>
public abstract class WireTests(RedisServer server)
{
    private const int Slots = 8;
    private const int Steps = 50;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_step_costs_its_slots_and_one_round_trips_of_few_bytes()
    {
        server.Require();
        await using var relay = new Relay(server.EndPoint);
        await using ConnectionMultiplexer redis = await RedisServer.ConnectAsync(relay.EndPoint, server.Password);
        var leases = new RedisLeases(redis, RedisServer.NewId());
        // The first calls bring the scripts to the server.
        await StepAsync(leases, 0);

        var session = new ProfilingSession();
        redis.RegisterProfiler(() => session);
        long before = relay.Sent;
        for (int step = 1; step <= Steps; step++)
        {
            await StepAsync(leases, step);
        }

        string[] commands = [.. session.FinishProfiling().Select(c => c.Command).Where(c => c is not "PING" and not "INFO")];
        Assert.Equal(Steps * (Slots + 1), commands.Length);
        double bytes = (relay.Sent - before) / (double)commands.Length;
        // A script is some thousands: it is sent once, then named by its hash.
        Assert.InRange(bytes, 50, 400);
    }

    [Fact]
    public async Task A_lease_runs_out_by_the_servers_clock()
    {
        var leases = new RedisLeases(await server.ConnectAsync(), RedisServer.NewId(), TimeSpan.FromMilliseconds(30));
        var cursor = new Cursor(0, 0, 0);
        await leases.AdvanceAsync(cursor, 1, "a", Stop);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        Lease? lease;
        while ((lease = await leases.AdvanceAsync(cursor, 1, "b", patience.Token)) is null)
        {
        }

        Assert.True(lease?.Contested);
        Assert.Equal(1, (await leases.CountAsync(Stop)).Expired);
    }

    [Fact]
    public async Task A_slot_is_overdue_by_the_servers_clock()
    {
        var leases = new RedisLeases(await server.ConnectAsync(), RedisServer.NewId());
        var cursor = new Cursor(0, 0, 0);
        await leases.AdvanceAsync(cursor, 2, "a", Stop);
        await leases.CompleteAsync(cursor, 0, "a", true, Stop);
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        Lease? lease;
        while ((lease = await leases.TakeOverAsync(cursor, 2, [1], "b", 2, patience.Token)) is null)
        {
        }

        Assert.Equal((1, true), (lease.Value.Slot, lease.Value.Contested));
        Assert.Equal(new LeaseCounts(3, 0, 1), await leases.CountAsync(Stop));
    }

    private static async Task StepAsync(RedisLeases leases, long step)
    {
        var cursor = new Cursor(0, step, 0);
        Lease? lease = await leases.AdvanceAsync(cursor, Slots, "host-12345", Stop);
        while (lease is { } current)
        {
            Completion completion = await leases.CompleteAsync(cursor, current.Slot, "host-12345", true, Stop);
            Assert.True(completion.MayJoinGroup);
            lease = completion.Next;
        }
    }
}

public sealed class RedisWireTests(DebianRedis server) : WireTests(server);

public sealed class GarnetWireTests(EmbeddedGarnet server) : WireTests(server);
