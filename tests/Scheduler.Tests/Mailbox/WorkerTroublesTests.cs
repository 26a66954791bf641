using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Jobs;
using Lockstep.Transport.Protos;
using Cursor = Lockstep.Core.Protocol.Cursor;

namespace Lockstep.Scheduler.Tests.Mailbox;

public sealed class WorkerTroublesTests
{
    private readonly WorkerTroubles _troubles = new("job");

    [Fact]
    public void Failures_are_the_jobs_fault_once_one_worker_fails_again_and_again_and_none_gets_on()
    {
        Assert.Null(Fail("a"));
        Assert.Null(Fail("a"));
        // b has not failed.
        Assert.Null(Fail("a"));
        Assert.Null(Fail("b"));
        Assert.StartsWith("Job job: a failed 3 times at step 7, and no other worker gets on there. The last time: no memory", Fail("a"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_that_is_done_makes_up_for_them()
    {
        Fail("a");
        Fail("a");
        Assert.Null(_troubles.Failed(new FailRequest { WorkerId = "a", Error = "no memory" }, 8, ["a"]));
    }

    [Fact]
    public void Three_that_die_of_one_slot_are_the_slots_fault()
    {
        Assert.Null(_troubles.Died(new AbandonedSlots(new Cursor(0, 7, 0), 2, 1)));
        Assert.Null(_troubles.Died(new AbandonedSlots(new Cursor(0, 7, 0), 3, 1)));
        Assert.Null(_troubles.Died(new AbandonedSlots(new Cursor(0, 7, 0), 2, 1)));
        Assert.StartsWith("3 workers died while they computed slot 2 of step 7", _troubles.Died(new AbandonedSlots(new Cursor(0, 7, 0), 2, 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void Deaths_in_other_steps_do_not_count()
    {
        for (int step = 0; step < 5; step++)
        {
            Assert.Null(_troubles.Died(new AbandonedSlots(new Cursor(0, step, 0), 2, 1)));
        }
    }

    private string? Fail(string worker) => _troubles.Failed(new FailRequest { WorkerId = worker, Error = "no memory" }, 7, ["a", "b"]);
}
