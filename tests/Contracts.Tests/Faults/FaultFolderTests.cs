using Lockstep.Contracts.Faults;

namespace Lockstep.Contracts.Tests.Faults;

public sealed class FaultFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lockstep-").FullName;

    [Fact]
    public void Shows_what_is_armed_to_another_process()
    {
        var injector = new FaultFolder(_root);
        var fault = new Fault(FaultKind.Drop, new FaultTime(null, 3, null)) { Target = "worker-1", Duration = 2, Share = 0.25, Seed = ulong.MaxValue };
        injector.Arm(4, fault);
        injector.Arm(5, fault with { Kind = FaultKind.NaN });

        Assert.Equal([(4, fault), (5, fault with { Kind = FaultKind.NaN })], new FaultFolder(_root).Armed());
        injector.Disarm(4);
        Assert.Equal(5, Assert.Single(new FaultFolder(_root).Armed()).Number);
    }

    [Fact]
    public void Lets_one_have_a_fault_and_nobody_after()
    {
        var mark = new FaultMark("worker-1", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        var folder = new FaultFolder(_root);

        Assert.Null(folder.FiredAt(2));
        Assert.True(folder.TryFire(2, mark));
        Assert.False(new FaultFolder(_root).TryFire(2, mark with { Target = "worker-2" }));
        Assert.Equal(mark, folder.FiredAt(2));
    }

    [Fact]
    public void Holds_a_version_until_it_is_released()
    {
        var folder = new FaultFolder(_root);
        folder.Hold(7);

        Assert.Equal([false, true], new long[] { 6, 7 }.Select(new FaultFolder(_root).IsHeld));
        Assert.Empty(folder.Armed());
        folder.Release(7);
        Assert.False(new FaultFolder(_root).IsHeld(7));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
