using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Scheduler.Workers;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Scheduler.Tests.Mailbox;

/// <summary>A job takes what it is told one after the other, whoever tells it.</summary>
public sealed class LifecycleTests(EmbeddedGarnet redis) : IAsyncLifetime
{
    private readonly JobFolder _folder = new();
    private readonly string _id = RedisServer.NewId();

    private InProcessService _scheduler = null!;

    public async ValueTask InitializeAsync() => _scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);

    public async ValueTask DisposeAsync()
    {
        await _scheduler.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Of_many_that_change_it_at_once_each_finds_it_as_the_one_before_left_it()
    {
        ScheduledJob job = await SubmitAsync();
        bool[] changed = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => job.TellAsync(i % 2 == 0 ? new JobMessage.Pause() : new JobMessage.Resume()))));
        string?[] notes = [.. job.Log(0, 1000).Events.Select(e => e.Note).Where(note => note is "paused" or "resumed")];
        Assert.Equal(changed.Count(c => c), notes.Length);
        Assert.Equal(notes.Select((_, i) => i % 2 == 0 ? "paused" : "resumed"), notes);

        bool[] ended = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => job.TellAsync(new JobMessage.End(JobState.Cancelled)))));
        Assert.Single(ended, true);
        Assert.Single(job.Log(0, 1000).Events, e => e.Status.State == JobState.Cancelled);
        Assert.Equal(JobState.Cancelled, (await _scheduler.Services.GetRequiredService<JobStore>().FindAsync(_id, Token))!.State);
    }

    [Fact]
    public async Task Nothing_changes_it_once_it_is_over()
    {
        ScheduledJob job = await SubmitAsync();
        Assert.True(await job.TellAsync(new JobMessage.End(JobState.Failed, "of something", FailureCause.NotFinite)));

        Assert.False(await job.TellAsync(new JobMessage.Pause()));
        Assert.False(await job.TellAsync(new JobMessage.End(JobState.Finished)));
        Assert.Equal((JobState.Failed, "of something", FailureCause.NotFinite), (job.State, job.Error, job.Cause));
    }

    [Fact]
    public async Task What_waits_when_the_term_ends_is_told_so()
    {
        var job = new ScheduledJob(new JobRecord(_folder.Request(_id), JobState.Queued, null, JobProgress.None), 1, new Fleet(TimeProvider.System), TimeProvider.System);
        Task<bool> waiting = job.TellAsync(new JobMessage.Pause());
        job.Close();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => job.TellAsync(new JobMessage.Resume()));
    }

    private async Task<ScheduledJob> SubmitAsync()
    {
        using HttpClient http = _scheduler.Client();
        using HttpResponseMessage submitted = await http.PostAsync(SchedulerRoutes.Jobs, Requests.Json(_folder.Request(_id)), Token);
        submitted.EnsureSuccessStatusCode();
        return _scheduler.Services.GetRequiredService<JobList>().Find(_id)!;
    }
}
