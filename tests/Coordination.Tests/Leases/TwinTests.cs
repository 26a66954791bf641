using CsCheck;
using Lockstep.Core.Protocol;
using Lockstep.Coordination.Tests.Servers;
using StackExchange.Redis;

namespace Lockstep.Coordination.Tests.Leases;

/// <summary>The scripts and their pure twin give the same answers to any sequence of calls.</summary>
public abstract class TwinTests(RedisServer server)
{
    private const int Slots = 4;

    private static readonly Gen<Call> AnyCall = Gen.Select(Gen.Int[0, 15], Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[0, 5], Gen.Int[0, 31], Gen.Int[0, 4000]).Select((kind, worker, back, slot, set, time) => new Call(kind, $"w{worker}", back, slot, set, time));

    [Fact]
    public async Task Any_sequence_of_calls_is_answered_alike()
    {
        IConnectionMultiplexer redis = await server.ConnectAsync();
        var seen = new SortedDictionary<string, int>(StringComparer.Ordinal);
        await AnyCall.Array[1, 120].SampleAsync(async calls =>
        {
            var table = new TableLeases();
            ScriptLeases scripts = await ScriptLeases.BeginAsync(redis);
            // Newest first; an older one is used now and then.
            var cursors = new List<Cursor> { new(0, 5, 0) };
            foreach (Call call in calls)
            {
                if (call.Kind >= 14)
                {
                    cursors.Insert(0, Next(cursors[0], call.Slot));
                }

                Cursor cursor = cursors[Math.Min(call.Back == 3 ? call.Set % 3 : 0, cursors.Count - 1)];
                string expected = await AnswerAsync(table, cursor, call);
                Assert.Equal(expected, await AnswerAsync(scripts, cursor, call));
                Assert.Equal(await table.Leases.CountAsync(default), await scripts.Leases.CountAsync(default));
                Note(seen, expected);
            }

            LeaseCounts counts = await table.Leases.CountAsync(default);
            Note(seen, counts.Expired > 0 ? "expired" : "nothing expired");
            Note(seen, counts.Speculative > 0 ? "speculative" : "nothing speculative");
        }, iter: 150, threads: 1);

        // A sequence that never came to these proves little.
        Assert.Superset(new SortedSet<string>(["expired", "speculative", "lease: fresh", "lease: contested", "lease: none", "taken: fresh", "taken: contested", "taken: none", "joins", "does not join", "stale", "freed"], StringComparer.Ordinal), new SortedSet<string>(seen.Keys, StringComparer.Ordinal));
    }

    private static Cursor Next(Cursor cursor, int how) => how switch
    {
        0 => cursor with { Attempt = Math.Max(0, cursor.Attempt) + 1 },
        1 => new(cursor.Generation + 1, Math.Max(0, cursor.Step - 2), 0),
        2 => new(cursor.Generation, cursor.Step + 1, Cursor.Evaluation),
        3 when cursor.Attempt == Cursor.Evaluation => cursor with { Attempt = 0 },
        _ => new(cursor.Generation, cursor.Step + 1, 0),
    };

    private static async Task<string> AnswerAsync(TestLeases test, Cursor cursor, Call call)
    {
        ILeases leases = test.Leases;
        int slots = cursor.Attempt == Cursor.Evaluation ? Slots - 1 : Slots;
        int[] set = [.. Enumerable.Range(0, 5).Where(slot => (call.Set >> slot & 1) != 0)];
        switch (call.Kind)
        {
            case 0 or 1 or 14 or 15:
                return "lease: " + Text(await leases.AdvanceAsync(cursor, slots, call.Worker, default));
            case 2 or 3 or 4 or 5:
                Completion done = await leases.CompleteAsync(cursor, call.Slot, call.Worker, call.Set % 4 != 0, default);
                return (done.Stale ? "stale" : done.MayJoinGroup ? "joins" : "does not join") + ", lease: " + Text(done.Next);
            case 6:
                await leases.PushedAsync(cursor, set, default);
                return "pushed";
            case 7:
                await leases.ReleaseAsync(cursor, set, default);
                return "released";
            case 8 or 9 or 10:
                return "taken: " + Text(await leases.TakeOverAsync(cursor, slots, set, call.Worker, 1 + (call.Slot % 3), default));
            case 11:
                int freed = await leases.FreeWorkerAsync(call.Worker, call.Set % 2 == 0, default);
                return freed > 0 ? $"freed, {freed}" : "nothing freed";
            case 12 when call.Set == 0:
                await test.EmptyAsync();
                return "emptied";
            default:
                // Mostly about as long as a slot takes, now and then as a lease is good for.
                await test.PassAsync(TimeSpan.FromMilliseconds(call.Slot == 0 ? call.Time * 4 : call.Time % 60));
                return "time passes";
        }
    }

    private static string Text(Lease? lease) => lease is { } given ? $"{(given.Contested ? "contested" : "fresh")}, {given.Slot}, {given.Duration}" : "none";

    private static void Note(SortedDictionary<string, int> seen, string answer)
    {
        string[] parts = answer.Split(", ");
        foreach (string part in parts)
        {
            seen[part] = seen.GetValueOrDefault(part) + 1;
        }
    }

    private sealed record Call(int Kind, string Worker, int Back, int Slot, int Set, int Time);
}

public sealed class RedisTwinTests(DebianRedis server) : TwinTests(server);

public sealed class GarnetTwinTests(EmbeddedGarnet server) : TwinTests(server);
