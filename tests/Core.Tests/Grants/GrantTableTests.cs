using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Grants;

public sealed class GrantTableTests
{
    private static readonly Cursor Version = new(0, 3, 0);

    /// <summary>One worker, whose contribution some shard lacks and others have without having told so: each of its slots is worth a try.</summary>
    [Fact]
    public void Slots_that_stay_missing_are_granted_in_turn()
    {
        var table = new GrantTable(slots: 3, evaluationSlots: 0);
        table.Join(1, "w");
        TimeSpan now = TimeSpan.Zero;
        table.Idle(1, Version, 0, now);
        GrantOrder order = Assert.Single(table.Match(Version, [0, 1, 2], now));
        Assert.Equal([0, 1, 2], order.Slots);
        var granted = new List<int>();
        for (int i = 0; i < 6; i++)
        {
            now += TimeSpan.FromMinutes(1);
            table.Contribute(1, Version, order.Slots, 0);
            table.Idle(1, Version, order.Number, now);
            now += TimeSpan.FromMinutes(1);
            order = Assert.Single(table.Match(Version, [0, 1, 2], now));
            granted.Add(Assert.Single(order.Slots));
        }

        Assert.Equal([0, 1, 2, 0, 1, 2], granted);
    }
}
