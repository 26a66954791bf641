using Lockstep.Scheduler.Workers;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Tests.Workers;

public sealed class FleetDrainTests
{
    private readonly Fleet _fleet = new(TimeProvider.System);

    [Fact]
    public void Who_did_not_hear_that_it_shall_leave_is_asked_again_when_it_is_back()
    {
        FleetMember member = Join("first");
        Assert.True(_fleet.Drain("worker-1"));
        // Its stream breaks before anything was sent.
        _fleet.Leave(member);

        FleetMember again = Join("first");

        Assert.True(again.IsDraining);
        Assert.True(again.Assignments.Reader.TryRead(out Assignment? sent) && sent.Leave);
    }

    [Fact]
    public void The_next_process_of_the_name_stays()
    {
        FleetMember member = Join("first");
        _fleet.Drain("worker-1");
        _fleet.Leave(member);

        Assert.False(Join("second").IsDraining);
        // It is the one of that name now: the first is over.
        Assert.False(Join("first").IsDraining);
    }

    [Fact]
    public void Nobody_is_asked_who_is_not_there()
    {
        Assert.False(_fleet.Drain("worker-1"));
        Assert.False(Join("first").IsDraining);
    }

    [Fact]
    public void Who_comes_again_is_back_and_the_next_process_of_the_name_is_new()
    {
        FleetMember member = Join("first");
        Assert.False(member.IsBack);
        _fleet.Leave(member);
        FleetMember thawed = Join("first");
        Assert.True(thawed.IsBack);
        _fleet.Leave(thawed);
        Assert.False(Join("second").IsBack);
    }

    private FleetMember Join(string incarnation) => _fleet.Join(new JoinRequest { WorkerId = "worker-1", DeterminismClass = "cpu", Incarnation = incarnation });
}
