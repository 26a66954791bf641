using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Jobs;

namespace Lockstep.Scheduler.Tests.Checkpoints;

public sealed class CheckpointWatchTests
{
    [Fact]
    public void A_disk_that_is_full_for_a_time_is_told_of_twice()
    {
        var watch = new CheckpointWatch();
        (string Failure, long Durable)[] reports = [("", -1), ("", 10), ("version 20, ps-1: full", 10), ("", 10), ("version 30, ps-1: full", 10), ("", 10), ("", 40), ("", 50)];

        string?[] notes = [.. reports.Select(r => watch.Observe(Report(r.Failure, r.Durable), isKnown: false))];

        Assert.Equal(
            [null, null, "a checkpoint could not be written, and training goes on: version 20, ps-1: full", null, null, null, "checkpoints can be written again: that of step 40 is on disk", null],
            notes);
    }

    [Fact]
    public void It_is_told_of_anew_where_it_happens_again()
    {
        var watch = new CheckpointWatch();
        Assert.NotNull(watch.Observe(Report("full", -1), isKnown: false));
        Assert.NotNull(watch.Observe(Report("", 10), isKnown: false));
        Assert.NotNull(watch.Observe(Report("full", 10), isKnown: false));
    }

    [Fact]
    public void A_new_scheduler_does_not_tell_of_what_is_over()
    {
        var watch = new CheckpointWatch();
        Assert.Null(watch.Observe(Report("full", 10), isKnown: true));
        Assert.Null(watch.Observe(Report("", 20), isKnown: true));
        Assert.Null(watch.Observe(Report("", 20), isKnown: false));
    }

    [Fact]
    public void A_new_scheduler_tells_of_what_lasts()
    {
        var watch = new CheckpointWatch();
        Assert.Null(watch.Observe(Report("full", 10), isKnown: true));
        Assert.Null(watch.Observe(Report("", 10), isKnown: true));
        Assert.Equal("a checkpoint could not be written, and training goes on: full", watch.Observe(Report("", 10), isKnown: false));
        Assert.Null(watch.Observe(Report("full", 10), isKnown: false));
        Assert.NotNull(watch.Observe(Report("", 20), isKnown: false));
    }

    private static StepReport Report(string failure, long durable) => new() { Cursor = default, CheckpointFailure = failure, DurableVersion = durable };
}
