using CsCheck;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Protocol;

public sealed class SlotSetTests
{
    private static readonly Gen<(int Slots, int[] A, int[] B)> Sets = Gen.Int[1, 200].SelectMany(slots =>
        Gen.Select(Gen.Int[0, slots - 1].Array[0, 2 * slots], Gen.Int[0, slots - 1].Array[0, 20], (a, b) => (slots, a, b)));

    [Fact]
    public void Is_a_set() => Sets.Sample((slots, a, b) =>
    {
        var set = new SlotSet(slots, a);
        var other = new SlotSet(slots, b);
        HashSet<int> expected = [.. a], expectedOther = [.. b];
        Assert.Equal(expected.Order(), set.Members());
        Assert.Equal(Enumerable.Range(0, slots).Except(expected), set.Missing());
        Assert.Equal((expected.Count, expected.Count == slots, slots), (set.Count, set.IsFull, set.Slots));
        Assert.Equal(!expected.Overlaps(expectedOther), set.IsDisjointFrom(other));
        Assert.Equal(expectedOther.IsSubsetOf(expected), other.IsSubsetOf(set));
        Assert.Equal(expected.Contains(b.FirstOrDefault()), set.Contains(b.FirstOrDefault()));
        Assert.False(set.Contains(-1) || set.Contains(slots));

        bool isNew = !expected.Contains(slots - 1);
        Assert.Equal(isNew, set.Add(slots - 1));
        Assert.False(set.Add(slots - 1));
        set.UnionWith(other);
        Assert.Equal(expected.Append(slots - 1).Union(expectedOther).Order(), set.Members());
        set.Clear();
        Assert.Equal((0, slots == 0), (set.Count, set.IsFull));
        Assert.Empty(set.Members());
    });

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, -1)]
    [InlineData(64, 64)]
    [InlineData(65, 127)]
    public void A_slot_outside_is_refused(int slots, int slot)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SlotSet(slots).Add(slot));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SlotSet(slots, [0, slot]));
    }

    [Fact]
    public void A_job_has_a_slot() => Assert.Throws<ArgumentOutOfRangeException>(() => new SlotSet(0));
}
