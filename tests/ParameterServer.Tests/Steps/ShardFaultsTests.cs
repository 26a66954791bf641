using Lockstep.Contracts.Faults;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Tests.Steps;

/// <summary>A parameter server ends at the phase of a step that the folder of faults names.</summary>
public sealed class ShardFaultsTests : IDisposable
{
    private readonly FaultFolder _folder = new(Directory.CreateTempSubdirectory("lockstep-").FullName);
    private int _deaths;

    [Fact]
    public void It_ends_once_at_its_phase_and_not_before_its_step()
    {
        _folder.Arm(0, new Fault(FaultKind.KillShard, new FaultTime(null, 5, FaultPhase.Turn)) { Target = "ps-1" });
        _folder.Arm(1, new Fault(FaultKind.KillShard, new FaultTime(null, 5, FaultPhase.Turn)) { Target = "ps-0" });
        _folder.Arm(2, new Fault(FaultKind.FillDisk, new FaultTime(null, 5, null)) { Target = "ps-1" });
        using ArmedFaults armed = Armed();
        var faults = new ShardFaults(armed, () => _deaths++);

        faults.Reach(FaultPhase.Turn, 4);
        faults.Reach(FaultPhase.Update, 5);
        faults.Reach(FaultPhase.Announce, 5);
        Assert.Equal(0, _deaths);
        faults.Reach(FaultPhase.Turn, 6);
        Assert.Equal(1, _deaths);

        // Nor in the next life of the process.
        using ArmedFaults again = Armed();
        new ShardFaults(again, () => _deaths++).Reach(FaultPhase.Turn, 6);
        Assert.Equal(1, _deaths);
        Assert.Equal("ps-1", _folder.FiredAt(0)?.Target);
        Assert.Null(_folder.FiredAt(1));
    }

    public void Dispose() => Directory.Delete(_folder.FullName, recursive: true);

    private ArmedFaults Armed() => new(_folder, "ps-1", TimeProvider.System);
}
