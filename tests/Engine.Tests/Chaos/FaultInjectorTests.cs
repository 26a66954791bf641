using Lockstep.Contracts.Faults;
using Lockstep.Engine.Chaos;

namespace Lockstep.Engine.Tests.Chaos;

public sealed class FaultInjectorTests : IDisposable
{
    private const int Steps = 100;

    private readonly FaultFolder _folder = new(Directory.CreateTempSubdirectory("lockstep-").FullName);

    [Fact]
    public void A_run_is_held_at_the_steps_of_a_schedule()
    {
        Fault[] schedule =
        [
            new(FaultKind.Kill, new(null, 0, null)),
            new(FaultKind.KillScheduler, new(null, 8, null)),
            new(FaultKind.Exception, new(null, 20, FaultPhase.Pull)),
            new(FaultKind.Kill, new(3, null, null)),
        ];

        Injector(FaultPlan.Scheduled(schedule, "s.yaml", 1, 1, 1)).Prepare(Steps, schedule.Length);

        // Nobody is told that no step is done.
        Assert.Equal([1, 8, 20], Held);
    }

    [Fact]
    public void A_run_whose_faults_are_drawn_is_held_now_and_then_until_enough_have_happened()
    {
        Injector(FaultPlan.Drawn(5, [FaultKind.Kill], 1, 1, 0, 1)).Prepare(Steps, least: 3);

        Assert.Equal([25, 50, 75], Held);
    }

    [Fact]
    public void A_step_is_let_go_once_all_that_it_was_held_for_is_done()
    {
        var holds = new StepHolds(_folder);
        holds.Hold(8, fault: 0);
        holds.Hold(8, fault: 1);
        holds.Hold(9, fault: 2);

        holds.Release(0);
        holds.Release(0);
        Assert.Equal([8, 9], Held);
        holds.Release(1);
        Assert.Equal([9], Held);
        holds.ReleaseAll();
        Assert.Empty(Held);
    }

    public void Dispose() => Directory.Delete(_folder.FullName, recursive: true);

    private IEnumerable<int> Held => Enumerable.Range(0, Steps + 1).Where(step => _folder.IsHeld(step));

    private FaultInjector Injector(FaultPlan plan) => new(plan, _folder, new RunTimeline(TimeProvider.System), TimeProvider.System, _ => { });
}
