using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Tests.Servers;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace Lockstep.Scheduler.Tests.Redis;

/// <summary>Job records and the queue, on a real server.</summary>
public abstract class JobStoreTests(RedisServer server)
{
    private static readonly JobProgress Far = new(30, 40, 10);
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _queue = RedisServer.NewId();

    [Fact]
    public async Task The_same_job_again_is_a_no_op_and_another_under_its_id_a_conflict()
    {
        JobStore store = await BeginAsync();
        SubmitRequest job = Job("a") with { ResumeStep = 40 };
        Assert.True(await store.SubmitAsync(job, None));
        Assert.True(await store.SubmitAsync(job, None));
        Assert.False(await store.SubmitAsync(job with { JobJson = "{}" }, None));
        Assert.False(await store.SubmitAsync(job with { RunDirectory = "/elsewhere" }, None));
        Assert.False(await store.SubmitAsync(job with { ResumeStep = null }, None));
        Assert.Equal(new JobRecord(job, JobState.Queued, null, JobProgress.None), Assert.Single(await store.ListAsync(None)));
    }

    [Fact]
    public async Task Submitting_again_does_not_put_a_job_back()
    {
        JobStore store = await BeginAsync();
        SubmitRequest job = Job("a");
        await store.SubmitAsync(job, None);
        await store.SetStateAsync(job.JobId, JobState.Failed, "disk full", FailureCause.Input, Far, None);
        Assert.True(await store.SubmitAsync(job, None));
        Assert.Equal(new JobRecord(job, JobState.Failed, "disk full", Far, FailureCause.Input), Assert.Single(await store.ListAsync(None)));
    }

    [Fact]
    public async Task Jobs_come_in_order_of_submission_to_the_next_scheduler_too()
    {
        JobStore store = await BeginAsync();
        SubmitRequest[] jobs = [Job("c"), Job("a"), Job("b") with { JobJson = """{"name":"Größe, \"quoted\"\n"}""" }];
        foreach (SubmitRequest job in jobs)
        {
            await store.SubmitAsync(job, None);
        }

        await store.SetStateAsync(jobs[1].JobId, JobState.Running, null, null, Far, None);
        JobStore next = await BeginAsync();
        Assert.Equal(jobs, (await next.ListAsync(None)).Select(r => r.Request));
        Assert.Equal([JobState.Queued, JobState.Running, JobState.Queued], (await next.ListAsync(None)).Select(r => r.State));
    }

    [Fact]
    public async Task A_scheduler_that_was_replaced_is_refused_and_changes_nothing()
    {
        JobStore old = await BeginAsync();
        SubmitRequest job = Job("a");
        await old.SubmitAsync(job, None);
        JobStore current = await BeginAsync();
        string message = (await Assert.ThrowsAsync<InvalidOperationException>(() => old.SetStateAsync(job.JobId, JobState.Failed, "late", null, JobProgress.None, None))).Message;
        Assert.Contains("term 1", message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(() => old.SubmitAsync(Job("b"), None));
        await Assert.ThrowsAsync<InvalidOperationException>(() => old.DeleteAsync(job.JobId, None));
        Assert.Equal(new JobRecord(job, JobState.Queued, null, JobProgress.None), Assert.Single(await current.ListAsync(None)));
        await current.SetStateAsync(job.JobId, JobState.Finished, null, null, Far, None);
        Assert.Equal(JobState.Finished, Assert.Single(await current.ListAsync(None)).State);
    }

    [Fact]
    public async Task Of_two_schedulers_of_one_term_as_a_Redis_that_lost_its_last_record_gives_it_the_one_that_took_over_last_is_in_charge()
    {
        JobStore first = await BeginAsync();
        SubmitRequest job = Job("a");
        await first.SubmitAsync(job, None);
        JobStore lost = await BeginAsync();
        IDatabase database = (await server.ConnectAsync()).GetDatabase();
        // As before the second one began, but for who is in charge, which may be lost as well.
        await database.StringSetAsync(new RedisKeys(_queue).Term, 1);
        await database.KeyDeleteAsync(new RedisKeys(_queue).Written);
        JobStore last = await BeginAsync();
        Assert.Equal(await lost.TermAsync(None), await last.TermAsync(None));

        await Assert.ThrowsAsync<InvalidOperationException>(() => lost.SetStateAsync(job.JobId, JobState.Failed, "late", null, JobProgress.None, None));
        Assert.Equal(TermStatus.Superseded, await lost.HoldAsync(None));
        Assert.Equal(TermStatus.Superseded, await first.HoldAsync(None));
        Assert.Equal(TermStatus.Held, await last.HoldAsync(None));
        await last.SetStateAsync(job.JobId, JobState.Running, null, null, Far, None);
        Assert.Equal(JobState.Running, Assert.Single(await last.ListAsync(None)).State);
    }

    [Fact]
    public async Task Of_two_schedulers_of_one_term_that_both_find_Redis_empty_one_stays_in_charge()
    {
        JobStore one = await BeginAsync();
        await LoseAsync();
        JobStore other = await BeginAsync();
        Assert.Equal(await one.TermAsync(None), await other.TermAsync(None));
        await (await server.ConnectAsync()).GetDatabase().KeyDeleteAsync(new RedisKeys(_queue).Written);

        Assert.Equal(TermStatus.Forgotten, await one.HoldAsync(None));
        Assert.Equal(TermStatus.Forgotten, await other.HoldAsync(None));
        await one.RewrittenAsync(None);
        await other.RewrittenAsync(None);
        Assert.Equal(TermStatus.Held, await one.HoldAsync(None));
        Assert.Equal(TermStatus.Superseded, await other.HoldAsync(None));
    }

    [Fact]
    public async Task Progress_that_is_told_late_changes_nothing_of_a_job_that_is_over()
    {
        JobStore store = await BeginAsync();
        SubmitRequest job = Job("a");
        await store.SubmitAsync(job, None);
        await store.SetStateAsync(job.JobId, JobState.Running, null, null, JobProgress.None, None);
        await store.SetProgressAsync(job.JobId, new JobProgress(12, 40, 10), None);
        Assert.Equal(new JobRecord(job, JobState.Running, null, new JobProgress(12, 40, 10)), Assert.Single(await store.ListAsync(None)));
        await store.SetStateAsync(job.JobId, JobState.Finished, null, null, new JobProgress(40, 40, 10), None);
        await store.SetProgressAsync(job.JobId, new JobProgress(39, 40, 10), None);
        Assert.Equal(new JobRecord(job, JobState.Finished, null, new JobProgress(40, 40, 10)), Assert.Single(await store.ListAsync(None)));
    }

    [Fact]
    public async Task Changes_wait_for_the_schedulers_term()
    {
        var store = new JobStore(await server.ConnectAsync(), _queue);
        Task<bool> submitted = store.SubmitAsync(Job("a"), None);
        Assert.False(submitted.IsCompleted);
        await store.BeginTermAsync(None);
        Assert.True(await submitted);
    }

    [Fact]
    public async Task A_deleted_job_is_gone_and_its_id_free()
    {
        JobStore store = await BeginAsync();
        SubmitRequest job = Job("a");
        await store.SubmitAsync(job, None);
        await store.SubmitAsync(Job("b"), None);
        await store.DeleteAsync(job.JobId, None);
        Assert.Equal([Job("b")], (await store.ListAsync(None)).Select(r => r.Request));
        // Nothing of it comes back by a state that is told late.
        await store.SetStateAsync(job.JobId, JobState.Failed, "late", null, JobProgress.None, None);
        Assert.Single(await store.ListAsync(None));
        Assert.True(await store.SubmitAsync(job with { JobJson = "{}" }, None));
        Assert.Equal(["b", "a"], (await store.ListAsync(None)).Select(r => r.Request.JobId[..1]));
    }

    [Fact]
    public async Task A_scheduler_that_is_there_is_known_until_it_has_been_silent_for_long()
    {
        JobStore store = await BeginAsync();
        Assert.Equal(TermStatus.Held, await store.HoldAsync(None));
        Assert.Equal(TermStatus.Held, await store.HoldAsync(None));
        var next = new JobStore(await server.ConnectAsync(), _queue);
        var time = new FakeTimeProvider();
        Task vacant = next.WaitVacantAsync(time, None);
        IDatabase database = (await server.ConnectAsync()).GetDatabase();
        string leader = new RedisKeys(_queue).Leader;
        Assert.InRange(await database.KeyTimeToLiveAsync(leader) ?? default, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5));
        Assert.False(vacant.IsCompleted);

        await database.KeyExpireAsync(leader, TimeSpan.FromMilliseconds(1));
        while (!vacant.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await next.BeginTermAsync(None);
        Assert.Equal(2, await next.TermAsync(None));
        Assert.Equal(TermStatus.Held, await next.HoldAsync(None));
        Assert.Equal(TermStatus.Superseded, await store.HoldAsync(None));
        store.EndTerm();
        Assert.False(store.TermAsync(None).IsCompleted);
        await store.BeginTermAsync(None);
        Assert.Equal(3, await store.TermAsync(None));
    }

    [Fact]
    public async Task Records_that_the_server_lost_are_written_again_in_their_order()
    {
        JobStore store = await BeginAsync();
        await store.SubmitAsync(Job("b") with { ResumeStep = 7 }, None);
        await store.SubmitAsync(Job("a"), None);
        await store.SetStateAsync(Job("b").JobId, JobState.Failed, "disk full", null, Far, None);
        IReadOnlyList<JobRecord> records = await store.ListAsync(None);
        await LoseAsync("a", "b");

        // The first answer may not have come.
        Assert.Equal(TermStatus.Forgotten, await store.HoldAsync(None));
        Assert.Equal(TermStatus.Forgotten, await store.HoldAsync(None));
        foreach (JobRecord record in records.Concat(records))
        {
            await store.PutAsync(record, None);
        }

        await store.RewrittenAsync(None);
        Assert.Equal(TermStatus.Held, await store.HoldAsync(None));

        Assert.Equal(records, await store.ListAsync(None));
        JobStore next = await BeginAsync();
        Assert.Equal(2, await next.TermAsync(None));
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.PutAsync(records[0], None));
    }

    private async Task<JobStore> BeginAsync()
    {
        var store = new JobStore(await server.ConnectAsync(), _queue);
        await store.BeginTermAsync(None);
        return store;
    }

    /// <summary>The server forgets the queue and these jobs.</summary>
    private async Task LoseAsync(params string[] jobs) =>
        await (await server.ConnectAsync()).GetDatabase().KeyDeleteAsync([.. new RedisKeys(_queue).All().Concat(jobs.Select(name => RedisKeys.Job(Job(name).JobId))).Select(key => new RedisKey(key))]);

    private SubmitRequest Job(string name) => new($"{name}-{_queue}", """{"name":"test"}""", "/run", null);
}

public sealed class RedisJobStoreTests(DebianRedis server) : JobStoreTests(server);

public sealed class GarnetJobStoreTests(EmbeddedGarnet server) : JobStoreTests(server);
