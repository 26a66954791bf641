using CsCheck;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Grants;

public sealed class GrantTableTests
{
    private const int Slots = 4;

    private static readonly Cursor Version = new(0, 3, 0);
    private static readonly int[] All = [.. Enumerable.Range(0, Slots)];

    private static readonly Gen<double> AnyTime = Any<double>(0, -1, 1e-300, 1, 1e15, double.MaxValue, double.NaN, double.PositiveInfinity);
    private static readonly Gen<Cursor> AnyCursor = Gen.Select(Any(0, 0, 1, int.MaxValue), Any(2L, 3, 3, 4, long.MaxValue), Any(0, Cursor.Evaluation, 7)).Select((generation, step, attempt) => new Cursor(generation, step, attempt));
    private static readonly Gen<int> AnySlot = Any(-1, 0, 1, 2, 3, Slots, int.MaxValue);

    /// <summary>One worker, whose contribution some shard lacks and others have without having told so: each of its slots is worth a try.</summary>
    [Fact]
    public void Slots_that_stay_missing_are_granted_in_turn()
    {
        var table = new GrantTable(Slots, evaluationSlots: 0);
        table.Join(1, "w");
        TimeSpan now = TimeSpan.Zero;
        table.Idle(1, Version, 0, now);
        GrantOrder order = Assert.Single(table.Match(Version, All, now));
        Assert.Equal(All, order.Slots);
        var granted = new List<int>();
        for (int i = 0; i < 2 * Slots; i++)
        {
            now += TimeSpan.FromMinutes(1);
            table.Contribute(1, Version, order.Slots, 0, now);
            table.Idle(1, Version, order.Number, now);
            now += TimeSpan.FromMinutes(1);
            order = Assert.Single(table.Match(Version, All, now));
            granted.Add(Assert.Single(order.Slots));
        }

        Assert.Equal([.. All, .. All], granted);
    }

    [Theory]
    // A slot takes no longer than since it was granted, whatever is said.
    [InlineData(double.MaxValue, 2 * 2 * 3)]
    [InlineData(1e15, 2 * 2 * 3)]
    // The ways of grant and contribution are no delay: a slot that is computed a second time for nothing makes the next step late. 0.1 s of the 2 were the slot.
    [InlineData(100, (1.9 + 0.1 + 0.1) * 3)]
    public void A_slot_is_overdue_after_three_times_what_its_grant_usually_takes(double saidMs, double dueSeconds)
    {
        var table = new GrantTable(Slots, evaluationSlots: 0);
        table.Join(1, "w");
        table.Join(2, "waits");
        table.Idle(1, Version, 0, TimeSpan.Zero);
        GrantOrder first = Assert.Single(table.Match(Version, [0, 1], TimeSpan.Zero));
        TimeSpan now = TimeSpan.FromSeconds(2);

        table.Contribute(1, Version, [0], saidMs, now);
        table.Idle(2, Version, first.Number, now);

        // Slot 1 is the second of its grant.
        Assert.Equal(TimeSpan.FromSeconds(dueSeconds), table.NextMatch(Version, [1]));
    }

    [Fact]
    public void A_slot_that_is_said_to_take_next_to_nothing_is_no_more_than_a_guess()
    {
        var table = new GrantTable(Slots, evaluationSlots: 0);
        table.Join(1, "says");
        table.Join(2, "waits");
        table.Idle(1, Version, 0, TimeSpan.Zero);
        GrantOrder first = Assert.Single(table.Match(Version, All, TimeSpan.Zero));
        table.Contribute(1, Version, [0], slotMs: 1e-300, TimeSpan.FromMilliseconds(30));
        table.Idle(2, Version, first.Number, TimeSpan.FromMilliseconds(60));

        // Neither overdue nor surely not begun.
        Assert.Empty(table.Match(Version, All[1..], TimeSpan.FromMilliseconds(60)));
        Assert.Equal(2, Assert.Single(table.Match(Version, All[1..], TimeSpan.FromSeconds(1))).Session);
    }

    [Fact]
    public void A_worker_that_is_nearly_overdue_each_time_does_not_make_that_usual()
    {
        const int Steps = 1000;
        var table = new GrantTable(slots: 2, evaluationSlots: 0);
        table.Join(1, "quick");
        table.Join(2, "dawdles");
        TimeSpan now = TimeSpan.Zero, longest = TimeSpan.Zero;
        for (int step = 1; step <= Steps; step++)
        {
            Cursor version = Version with { Step = step };
            table.Idle(1, version, step == 1 ? 0 : long.MaxValue, now);
            table.Idle(2, version, step == 1 ? 0 : long.MaxValue, now);
            Assert.Equal(2, table.Match(version, [0, 1], now).Count);
            TimeSpan began = now;
            now += TimeSpan.FromSeconds(1);
            table.Contribute(1, version, [0], slotMs: 1000, now);
            table.Idle(1, version, long.MaxValue, now);
            TimeSpan due = table.NextMatch(version, [1])!.Value;
            longest = due - began;
            now = due;
            table.Contribute(2, version, [1], slotMs: longest.TotalMilliseconds, now);
            table.Forget(Version with { Step = step + 1 });
        }

        // By as much as it dawdles and no more.
        Assert.InRange(longest, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(9));
    }

    /// <summary>What one worker says of itself, true or not, costs others time at the most.</summary>
    [Fact]
    public void Whatever_a_worker_says_another_is_granted_all_that_is_missing()
    {
        Gen<Action<GrantTable, TimeSpan>> words = Gen.OneOf(
            Gen.Select(AnyCursor, AnySlot).Select((cursor, slot) => new Action<GrantTable, TimeSpan>((table, _) => table.Begin(1, cursor, slot))),
            Gen.Select(AnyCursor, Any(-1L, 0, 1, 2, long.MaxValue)).Select((cursor, newest) => new Action<GrantTable, TimeSpan>((table, now) => table.Idle(1, cursor, newest, now))),
            Gen.Select(AnyCursor, AnySlot.Array[0, 5], AnyTime).Select((cursor, slots, time) => new Action<GrantTable, TimeSpan>((table, now) => table.Contribute(1, cursor, slots, time, now))),
            Gen.Select(AnyCursor, AnySlot).Select((cursor, slot) => new Action<GrantTable, TimeSpan>((table, _) => table.Fail(1, cursor, slot))),
            Gen.Const(new Action<GrantTable, TimeSpan>((table, _) => table.Leave(1))));
        words.Array[0, 12].Sample(said =>
        {
            var table = new GrantTable(Slots, evaluationSlots: 2);
            table.Join(1, "liar");
            table.Join(2, "honest");
            TimeSpan now = TimeSpan.Zero;
            foreach (Action<GrantTable, TimeSpan> word in said)
            {
                word(table, now);
                _ = table.Divide(Version, All, now);
                _ = table.Match(Version, All, now);
                _ = table.NextMatch(Version, All);
                now += TimeSpan.FromMilliseconds(30);
            }

            var granted = new HashSet<int>();
            long newest = 0;
            for (int round = 0; round < 3 * Slots && granted.Count < Slots; round++)
            {
                table.Idle(2, Version, newest, now);
                foreach (GrantOrder order in table.Match(Version, All, now).Where(o => o is { Session: 2, IsRevoke: false }))
                {
                    granted.UnionWith(order.Slots);
                    newest = order.Number;
                    table.Contribute(2, Version, order.Slots, 0, now);
                }

                now += TimeSpan.FromMinutes(1);
            }

            Assert.Equal(All, granted.Order());
        }, print: said => $"{said.Length} words");
    }

    private static Gen<T> Any<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
