using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Client;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Scheduler.Tests.Timing;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Scheduler.Tests.Api;

public sealed class EventTests(EmbeddedGarnet redis) : IDisposable
{
    private readonly JobFolder _folder = new();

    // Schedulers of other queues share the server, and with it the jobs' ids.
    private readonly string _id = RedisServer.NewId();

    [Fact]
    public async Task A_reader_that_comes_back_goes_on_where_it_was()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        ScheduledJob job = await SubmitPausedAsync(scheduler, http);
        long first = job.Log(0, 100).Next;
        Append(job, 5);
        long oldest = job.Log(0, 1).Events[0].Number;
        await ReadsAsync(Numbers(oldest, first + 5), http, SchedulerRoutes.Events(_id, 0), null);
        await ReadsAsync([first + 2, first + 3], http, SchedulerRoutes.Events(_id, first + 2), null);
        // The path is the one of the first connection: the number of the last event counts.
        await ReadsAsync([first + 4], http, SchedulerRoutes.Events(_id, 0), $"{first + 3}");
        await ReadsAsync([oldest, oldest + 1], http, $"/jobs/{_id}/events", "1");

        Task waiting = ReadsAsync([first + 5, first + 6], http, SchedulerRoutes.Events(_id, 0), $"{first + 4}");
        Append(job, 2);
        await waiting;
        using var bad = new HttpRequestMessage(HttpMethod.Get, SchedulerRoutes.Events(_id, 0)) { Headers = { { "Last-Event-ID", "abc" } } };
        using HttpResponseMessage refused = await http.SendAsync(bad, Token);
        Assert.Contains("Last-Event-ID is 'abc'", await Requests.ProblemAsync(refused, 400), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_of_the_scheduler_before_is_told_what_this_one_knows()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        ScheduledJob job = await SubmitPausedAsync(scheduler, http);
        long oldest = job.Log(0, 1).Events[0].Number;
        await ReadsAsync([oldest, oldest + 1], http, SchedulerRoutes.Events(_id, 0), $"{oldest - 700}");
        // A Redis that was emptied counts its schedulers anew.
        await ReadsAsync([oldest, oldest + 1], http, SchedulerRoutes.Events(_id, 0), $"{oldest + 700}");
    }

    [Fact]
    public async Task The_stream_ends_with_the_job()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        await SubmitPausedAsync(scheduler, http);
        using var client = new SchedulerClient(scheduler.Http, TimeProvider.System);
        Task<List<JobEvent>> reading = client.EventsAsync(_id, 0, Token).ToListAsync(Token).AsTask();
        using HttpResponseMessage cancelled = await http.PostAsync(SchedulerRoutes.Cancel(_id), null, Token);
        Assert.Contains("\"state\":\"cancelled\"", await cancelled.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Equal(JobState.Cancelled, (await reading)[^1].Status.State);
    }

    [Fact]
    public async Task The_log_has_all_but_the_steps_page_by_page_and_says_when_nothing_more_comes()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        ScheduledJob job = await SubmitPausedAsync(scheduler, http);
        long first = job.Log(0, 100).Next;
        Append(job, 3);
        job.Append(new EvaluationRecord { Step = 3, Loss = 1, Samples = 2, Validation = new Dictionary<string, double> { ["loss"] = double.NaN } });
        Append(job, 1);
        job.Append("noted");
        JobLogPage page = await PageAsync(http, $"/jobs/{_id}/logs?limit=1&from={first}");
        Assert.Equal((first + 3, first + 4, false), (Assert.Single(page.Events).Number, page.Next, page.Over));
        page = await PageAsync(http, $"/jobs/{_id}/logs?limit=2&from={page.Next}");
        Assert.Equal((first + 5, first + 6, false), (Assert.Single(page.Events).Number, page.Next, page.Over));
        Assert.Equal("noted", page.Events[0].Note);
        Assert.Empty((await PageAsync(http, $"/jobs/{_id}/logs?from={page.Next}")).Events);

        using HttpResponseMessage cancelled = await http.PostAsync(SchedulerRoutes.Cancel(_id), null, Token);
        JobLogPage last = await PageAsync(http, $"/jobs/{_id}/logs?from={page.Next}");
        Assert.Equal(JobState.Cancelled, last.Events[^1].Status.State);
        Assert.True(last.Over);
    }

    [Fact]
    public async Task No_checkpoint_is_kept_of_a_job_that_is_not_in_training()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        await SubmitPausedAsync(scheduler, http);
        using HttpResponseMessage answer = await http.PostAsync(SchedulerRoutes.Checkpoint(_id), null, Token);
        Assert.Contains("is paused", await Requests.ProblemAsync(answer, 409), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>Of a paused job the scheduler tells nothing by itself.</summary>
    private async Task<ScheduledJob> SubmitPausedAsync(InProcessService scheduler, HttpClient http)
    {
        using HttpResponseMessage submitted = await http.PostAsync("/jobs", Requests.Json(_folder.Request(_id)), Token);
        submitted.EnsureSuccessStatusCode();
        using HttpResponseMessage paused = await http.PostAsync(SchedulerRoutes.Pause(_id), null, Token);
        paused.EnsureSuccessStatusCode();
        return scheduler.Services.GetRequiredService<JobList>().Find(_id)!;
    }

    private static void Append(ScheduledJob job, int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            job.Append(Records.Step(i + 1));
        }
    }

    private static long[] Numbers(long from, long to) => [.. Enumerable.Range(0, (int)(to - from)).Select(i => from + i)];

    /// <summary>Asserts that the first events that come have these numbers.</summary>
    private static async Task ReadsAsync(long[] numbers, HttpClient http, string path, string? last)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (last is not null)
        {
            request.Headers.Add("Last-Event-ID", last);
        }

        using HttpResponseMessage answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        await using Stream stream = await answer.Content.ReadAsStreamAsync();
        long[] read = await SseParser.Create(stream).EnumerateAsync().Take(numbers.Length).Select(item =>
        {
            JobEvent happened = JsonSerializer.Deserialize<JobEvent>(item.Data, JsonSerializerOptions.Web)!;
            Assert.Equal(item.EventId, $"{happened.Number}");
            return happened.Number;
        }).ToArrayAsync();
        Assert.Equal(numbers, read);
    }

    private static async Task<JobLogPage> PageAsync(HttpClient http, string path) => (await http.GetFromJsonAsync<JobLogPage>(path, JsonSerializerOptions.Web))!;
}
