using CsCheck;
using Lockstep.Core.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Core.Tests.Protocol;

/// <summary>What the protocol relies on in leases, over any sequence of calls. That each call answers as it should, and the scripts in Redis alike, is tested with the coordination.</summary>
public sealed class LeaseTableTests
{
    private const int Slots = 4;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(10);

    private static readonly Gen<(int What, int Worker, int Slot, int Milliseconds)[]> Calls = Gen.Select(Gen.Int[0, 11], Gen.Int[0, 3], Gen.Int[0, Slots - 1], Gen.Int[0, 6000]).Array[1, 80];

    [Fact]
    public void Only_one_worker_may_join_a_slot_to_its_group_and_only_where_nobody_else_ever_had_it()
    {
        var seen = new int[3];
        Calls.Sample(calls =>
        {
            var time = new FakeTimeProvider();
            var leases = new LeaseTable(time, Duration);
            var cursor = new Cursor(0, 0, 0);
            var granted = new List<string>[Slots];
            var joined = new string?[Slots];
            Begin();
            Granted(leases.AdvanceAsync(cursor, Slots, "w0", default).Result, "w0");
            foreach ((int what, int who, int slot, int milliseconds) in calls)
            {
                string worker = $"w{who}";
                switch (what)
                {
                    case 0 or 1 or 2:
                        Granted(leases.AdvanceAsync(cursor, Slots, worker, default).Result, worker);
                        break;
                    case 3 or 4 or 5:
                        Completion completion = leases.CompleteAsync(cursor, slot, worker, leaseNext: what == 5, default).Result;
                        if (completion.MayJoinGroup)
                        {
                            Assert.Equal([worker], granted[slot]);
                            Assert.Null(joined[slot]);
                            joined[slot] = worker;
                            Interlocked.Increment(ref seen[0]);
                        }

                        Granted(completion.Next, worker);
                        break;
                    case 6 or 7:
                        Granted(leases.TakeOverAsync(cursor, Slots, [slot], worker, 2, default).Result, worker);
                        break;
                    case 8:
                        _ = leases.ReleaseAsync(cursor, [slot], default);
                        granted[slot].Add("handed back");
                        break;
                    case 9:
                        _ = leases.FreeWorkerAsync(worker, avoids: false, default).Result;
                        break;
                    case 10:
                        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                        break;
                    default:
                        // Now and then the next attempt: all begins anew.
                        if (milliseconds < 1500)
                        {
                            cursor = cursor with { Attempt = cursor.Attempt + 1 };
                            Begin();
                            Granted(leases.AdvanceAsync(cursor, Slots, worker, default).Result, worker);
                            Interlocked.Increment(ref seen[2]);
                        }

                        break;
                }
            }

            void Begin()
            {
                for (int slot = 0; slot < Slots; slot++)
                {
                    (granted[slot], joined[slot]) = ([], null);
                }
            }

            void Granted(Lease? lease, string worker)
            {
                if (lease is { } given)
                {
                    // Contested for good: whatever became of the lease before.
                    Assert.Equal(granted[given.Slot].Count > 0, given.Contested);
                    granted[given.Slot].Add(worker);
                    Interlocked.Add(ref seen[1], given.Contested ? 1 : 0);
                }
            }
        }, iter: 3000);

        // Slots were joined, leased again, and attempts begun anew.
        Assert.DoesNotContain(0, seen);
    }

    [Fact]
    public void Once_it_is_calm_every_slot_that_no_shard_has_is_leased_again()
    {
        Calls.Sample(calls =>
        {
            var time = new FakeTimeProvider();
            var leases = new LeaseTable(time, Duration);
            var cursor = new Cursor(0, 0, 0);
            var pushed = new HashSet<int>();
            foreach ((int what, int who, int slot, int milliseconds) in calls)
            {
                string worker = $"w{who}";
                switch (what)
                {
                    case 0 or 1 or 2:
                        _ = leases.AdvanceAsync(cursor, Slots, worker, default);
                        break;
                    case 3 or 4:
                        _ = leases.CompleteAsync(cursor, slot, worker, leaseNext: true, default);
                        break;
                    case 5:
                        _ = leases.TakeOverAsync(cursor, Slots, [slot], worker, 2, default);
                        pushed.Remove(slot);
                        break;
                    case 6 when leases.CountAsync(default).Result.Granted > 0:
                        _ = leases.PushedAsync(cursor, [slot], default);
                        pushed.Add(slot);
                        break;
                    case 7:
                        _ = leases.FreeWorkerAsync(worker, avoids: false, default);
                        break;
                    case 8:
                        leases.Empty();
                        pushed.Clear();
                        break;
                    default:
                        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                        break;
                }
            }

            // All workers are gone; one that comes new gets what is missing, lowest first, and then nothing.
            time.Advance(Duration);
            int[] missing = [.. Enumerable.Range(0, Slots).Except(pushed)];
            foreach (int slot in missing)
            {
                Assert.Equal(slot, leases.AdvanceAsync(cursor, Slots, "new", default).Result?.Slot);
            }

            Assert.Null(leases.AdvanceAsync(cursor, Slots, "new", default).Result);

            // What a shard lacks although the table counts it as pushed is given to who asks for it.
            foreach (int slot in pushed)
            {
                Assert.Equal(slot, leases.TakeOverAsync(cursor, Slots, [slot], "new", 2, default).Result?.Slot);
            }
        }, iter: 2000);
    }
}
