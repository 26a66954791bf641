using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Timing;
using Lockstep.Scheduler.Workers;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Scheduler.Tests.Workers;

/// <summary>Workers of a job that a scheduler before had; this one does not know them yet.</summary>
public sealed class RejoinTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly JobFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void They_are_waited_for_a_few_seconds()
    {
        ScheduledJob job = Job(JobState.Running);
        Assert.False(job.LacksWorkers(0));
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(job.LacksWorkers(0));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(job.LacksWorkers(0));
    }

    [Fact]
    public void As_long_as_steps_are_done_there_are_some()
    {
        ScheduledJob job = Job(JobState.Running);
        for (int step = 0; step < 3; step++)
        {
            _time.Advance(TimeSpan.FromSeconds(4));
            Assert.False(job.LacksWorkers(0));
            job.Moved();
        }

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(job.LacksWorkers(0));
    }

    [Fact]
    public void They_are_there_again_when_the_next_step_is_done()
    {
        ScheduledJob job = Job(JobState.Waiting);
        Assert.True(job.LacksWorkers(0));
        job.Moved();
        Assert.False(job.LacksWorkers(0));
    }

    [Fact]
    public void A_shard_that_is_away_is_no_sign_of_their_absence()
    {
        ScheduledJob job = Job(JobState.Running);
        job.Time.ShardAway(0);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(job.LacksWorkers(0));
        job.Time.ShardBack(0);
        Assert.True(job.LacksWorkers(0));
    }

    [Fact]
    public void Once_one_has_come_and_gone_there_is_none()
    {
        ScheduledJob job = Job(JobState.Running);
        Assert.False(job.LacksWorkers(1));
        Assert.True(job.LacksWorkers(0));
    }

    [Fact]
    public void One_that_had_none_has_none() => Assert.True(Job(JobState.Waiting).LacksWorkers(0));

    private ScheduledJob Job(JobState state) => new(new JobRecord(_folder.Request("job", runDirectory: _folder.In("run")), state, null, JobProgress.None), 1, new Fleet(_time), _time);
}
