using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Jobs.Timing;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Recording;
using Lockstep.Scheduler.Tests.Servers;

namespace Lockstep.Scheduler.Tests.Api;

public sealed class SubmitTests(EmbeddedGarnet redis) : IDisposable
{
    private readonly JobFolder _folder = new();

    [Fact]
    public async Task A_job_is_taken_on_once_however_often_it_is_submitted()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        SubmitRequest request = _folder.Request("twice");
        HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => http.PostAsync("/jobs", Requests.Json(request))));
        foreach (HttpResponseMessage answer in answers)
        {
            using (answer)
            {
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                JobStatus status = (await answer.Content.ReadFromJsonAsync<JobStatus>(JsonSerializerOptions.Web, Token))!;
                Assert.Equal(("twice", JobState.Queued), (status.JobId, status.State));
            }
        }

        Assert.Equal("twice", Assert.Single((await http.GetFromJsonAsync<JobStatus[]>("/jobs", JsonSerializerOptions.Web, Token))!).JobId);
        // Where the scheduler chose the folder, naming it is the same request.
        using HttpResponseMessage named = await http.PostAsync("/jobs", Requests.Json(request with { RunDirectory = Path.Combine(_folder.Runs, "twice") }), Token);
        Assert.Equal(HttpStatusCode.OK, named.StatusCode);
        using HttpResponseMessage other = await http.PostAsync("/jobs", Requests.Json(request with { ResumeStep = 5 }), Token);
        Assert.Contains("Another job has the id twice", await Requests.ProblemAsync(other, 409), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_scheduler_chooses_a_folder_and_puts_the_job_in_it()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage answer = await http.PostAsync("/jobs", Requests.Json(_folder.Request("chosen.1")), Token);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var run = new RunFolder(Path.Combine(_folder.Runs, "chosen.1"));
        Assert.Equal(JobFile.Hash(_folder.Job()), JobFile.Hash(JobFile.Load(run.Job, [])));
        Assert.True(Directory.Exists(run.Checkpoints));

        using HttpResponseMessage cancelled = await http.PostAsync(SchedulerRoutes.Cancel("chosen.1"), null, Token);
        var corrected = new SubmitRequest("another", JobFile.ToCanonicalJson(_folder.Job() with { Steps = 11 }), run.Path);
        await File.WriteAllTextAsync(run.Ledger, new LedgerLine(1, new string('a', 32)).ToJson() + '\n', Token);
        using HttpResponseMessage refused = await http.PostAsync("/jobs", Requests.Json(corrected), Token);
        Assert.Contains("a run of another job", await Requests.ProblemAsync(refused, 400), StringComparison.Ordinal);

        // A run that did no step keeps no folder from the job that was put right.
        File.Delete(run.Ledger);
        using HttpResponseMessage taken = await http.PostAsync("/jobs", Requests.Json(corrected), Token);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        Assert.Equal(11, JobFile.Load(run.Job, []).Steps);
    }

    [Fact]
    public async Task The_summary_of_a_job_is_there_once_it_is_over()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage answer = await http.PostAsync("/jobs", Requests.Json(_folder.Request("summed")), Token);
        JobStatus status = (await answer.Content.ReadFromJsonAsync<JobStatus>(JsonSerializerOptions.Web, Token))!;
        Assert.Equal(Path.Combine(_folder.Runs, "summed"), status.RunDirectory);
        using HttpResponseMessage early = await http.GetAsync(SchedulerRoutes.Summary("summed"), Token);
        Assert.Contains("written at its end", await Requests.ProblemAsync(early, 404), StringComparison.Ordinal);
        using HttpResponseMessage cancelled = await http.PostAsync(SchedulerRoutes.Cancel("summed"), null, Token);
        using HttpResponseMessage none = await http.GetAsync(SchedulerRoutes.Summary("summed"), Token);
        Assert.Contains("it ended before it began", await Requests.ProblemAsync(none, 404), StringComparison.Ordinal);
        var run = new RunFolder(status.RunDirectory);
        using (var recorder = new RunWriter(run, _folder.Job(), Descriptors.Of("one class"), 0, new TimeLedger(JobState.Running, TimeProvider.System), TimeProvider.System))
        {
            recorder.Finish(JobState.Cancelled, null, null);
        }

        Assert.Equal(await File.ReadAllTextAsync(run.Summary, Token), await http.GetStringAsync(SchedulerRoutes.Summary("summed"), Token));
    }

    [Fact]
    public async Task A_job_that_wants_more_parameter_servers_than_there_are_is_refused()
    {
        await using InProcessService shard = await InProcessService.ParameterServerAsync();
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [.. _folder.Settings, ("services:ps-0:grpc:0", shard.Grpc.OriginalString)]);
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage refused = await http.PostAsync("/jobs", Requests.Json(new SubmitRequest("many", JobFile.ToCanonicalJson(_folder.Job() with { Shards = 2 }))), Token);
        Assert.Contains("The job wants 2 parameter servers; of those there are 1.", await Requests.ProblemAsync(refused, 400), StringComparison.Ordinal);
        using HttpResponseMessage taken = await http.PostAsync("/jobs", Requests.Json(new SubmitRequest("many", JobFile.ToCanonicalJson(_folder.Job()))), Token);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
    }

    [Fact]
    public async Task What_cannot_come_to_anything_is_refused_at_once()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [.. _folder.Settings, ("LOCKSTEP_MAX_WORKERS", "4")]);
        using HttpClient http = scheduler.Client();
        string json = JobFile.ToCanonicalJson(_folder.Job());
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(_folder.Runs, "logs")).FullName, "scheduler.log"), "");
        (SubmitRequest Request, string Told)[] cases =
        [
            (new SubmitRequest("few", JobFile.ToCanonicalJson(_folder.Job() with { Workers = new WorkersSpec { Min = 5, Max = 9 } })), "The job needs 5 workers, and there are never more than 4."),
            (new SubmitRequest("gone", json, ResumeStep: 77), "There is no checkpoint of step 77"),
            (new SubmitRequest("before", json, ResumeStep: -5), "There is no checkpoint of step -5"),
            (new SubmitRequest("misspelt", $$"""{"zzz":1,{{json[1..]}}"""), "zzz"),
            (new SubmitRequest("root", json, _folder.Runs), "The folder holds other things than a run."),
            (new SubmitRequest("logs", json), "The folder holds other things than a run."),
        ];
        foreach ((SubmitRequest request, string told) in cases)
        {
            using HttpResponseMessage answer = await http.PostAsync("/jobs", Requests.Json(request), Token);
            Assert.Contains(told, await Requests.ProblemAsync(answer, 400), StringComparison.Ordinal);
        }

        Assert.Empty((await http.GetFromJsonAsync<JobStatus[]>("/jobs", JsonSerializerOptions.Web, Token))!);
    }

    [Fact]
    public async Task Two_jobs_do_not_write_to_one_folder()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        string shared = Path.Combine(_folder.Runs, "shared");
        using HttpResponseMessage one = await http.PostAsync("/jobs", Requests.Json(_folder.Request(RedisServer.NewId(), runDirectory: shared)), Token);
        Assert.Equal(HttpStatusCode.OK, one.StatusCode);
        string link = Path.Combine(_folder.Runs, "latest");
        Directory.CreateSymbolicLink(link, shared);
        foreach (string folder in new[] { shared + "/", link, Path.Combine(shared, "inside"), Path.Combine(link, "checkpoints", "inside"), _folder.Runs })
        {
            using HttpResponseMessage two = await http.PostAsync("/jobs", Requests.Json(_folder.Request(RedisServer.NewId(), runDirectory: folder)), Token);
            Assert.Contains("writes to", await Requests.ProblemAsync(two, 400), StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(Path.Combine(shared, "inside")));
    }

    [Fact]
    public async Task What_is_refused_leaves_nothing_behind()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        string folder = Path.Combine(_folder.Runs, "new");
        using HttpResponseMessage resumed = await http.PostAsync("/jobs", Requests.Json(_folder.Request(RedisServer.NewId(), runDirectory: folder) with { ResumeStep = 5 }), Token);
        Assert.Contains("no checkpoint of step 5", await Requests.ProblemAsync(resumed, 400), StringComparison.Ordinal);
        using HttpResponseMessage strange = await http.PostAsync("/jobs", Requests.Json(_folder.Request(RedisServer.NewId(), runDirectory: folder + "\n")), Token);
        Assert.Contains("none to be read", await Requests.ProblemAsync(strange, 400), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Runs));
    }

    [Fact]
    public async Task A_job_that_was_deleted_can_be_submitted_again_and_is_there_once()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        SubmitRequest request = _folder.Request(RedisServer.NewId());
        for (int time = 0; time < 2; time++)
        {
            using HttpResponseMessage submitted = await http.PostAsync("/jobs", Requests.Json(request), Token);
            Assert.Equal(HttpStatusCode.OK, submitted.StatusCode);
            Assert.Single((await http.GetFromJsonAsync<JobStatus[]>("/jobs", JsonSerializerOptions.Web, Token))!);
            using HttpResponseMessage deleted = await http.DeleteAsync(SchedulerRoutes.Job(request.JobId), Token);
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
            Assert.Empty((await http.GetFromJsonAsync<JobStatus[]>("/jobs", JsonSerializerOptions.Web, Token))!);
        }
    }

    [Fact]
    public async Task A_job_that_was_over_long_ago_is_not_done_again()
    {
        const int MoreThanAreKept = 18;
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        SubmitRequest[] requests = [.. Enumerable.Range(0, MoreThanAreKept).Select(_ => _folder.Request(RedisServer.NewId()))];
        foreach (SubmitRequest request in requests)
        {
            using HttpResponseMessage submitted = await http.PostAsync("/jobs", Requests.Json(request), Token);
            Assert.Equal(HttpStatusCode.OK, submitted.StatusCode);
            using HttpResponseMessage cancelled = await http.PostAsync(SchedulerRoutes.Cancel(request.JobId), null, Token);
            Assert.Equal(HttpStatusCode.OK, cancelled.StatusCode);
        }

        using HttpResponseMessage forgotten = await http.GetAsync(SchedulerRoutes.Job(requests[0].JobId), Token);
        await Requests.ProblemAsync(forgotten, 404);
        using HttpResponseMessage again = await http.PostAsync("/jobs", Requests.Json(requests[0]), Token);
        Assert.Equal(JobState.Cancelled, (await again.Content.ReadFromJsonAsync<JobStatus>(JsonSerializerOptions.Web, Token))!.State);
    }

    [Fact]
    public async Task Paths_that_lead_elsewhere_are_refused_with_path_and_remedy()
    {
        File.WriteAllText(_folder.In("secret.csv"), "1,2,3\n");
        File.CreateSymbolicLink(Path.Combine(_folder.Data, "link.csv"), _folder.In("secret.csv"));
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        (SubmitRequest Request, string[] Details)[] cases =
        [
            (_folder.Request("a", _folder.In("secret.csv")), ["data.train", "secret.csv", "LOCKSTEP_DATA_ROOTS", _folder.Data]),
            (_folder.Request("a", "/etc/passwd"), ["data.train", "/etc/passwd", "LOCKSTEP_DATA_ROOTS"]),
            (_folder.Request("a", Path.Combine(_folder.Data, "link.csv")), ["data.train", "link.csv", "leads out of"]),
            (WithTrain("../secret.csv"), ["data.train", "no absolute path"]),
            (WithTrain(_folder.Data + "/../secret.csv"), ["data.train", "'..'"]),
            (_folder.Request("a", runDirectory: _folder.Data), ["runDirectory", "LOCKSTEP_RUNS_ROOT"]),
            (_folder.Request("a", runDirectory: _folder.Runs + "/../x"), ["runDirectory", "'..'"]),
            (_folder.Request("a", runDirectory: "runs/x"), ["runDirectory", "no absolute path"]),
            (_folder.Request(".."), ["jobId", "'..'"]),
            (_folder.Request("."), ["jobId"]),
            (_folder.Request(".hidden"), ["jobId"]),
            (_folder.Request("a/b"), ["jobId", "'a/b'"]),
            (_folder.Request(""), ["jobId"]),
            (_folder.Request(new string('a', 101)), ["jobId"]),
        ];
        foreach ((SubmitRequest request, string[] details) in cases)
        {
            using HttpResponseMessage answer = await http.PostAsync("/jobs", Requests.Json(request), Token);
            string told = await Requests.ProblemAsync(answer, 400);
            Assert.All(details, detail => Assert.Contains(detail, told, StringComparison.Ordinal));
        }

        Assert.Empty((await http.GetFromJsonAsync<JobStatus[]>("/jobs", JsonSerializerOptions.Web, Token))!);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Runs));
    }

    [Fact]
    public async Task Without_roots_nothing_can_be_submitted()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis);
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage answer = await http.PostAsync("/jobs", Requests.Json(_folder.Request("a")), Token);
        Assert.Contains("LOCKSTEP_DATA_ROOTS", await Requests.ProblemAsync(answer, 400), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("slots", "-1", "slots")]
    [InlineData("slots", "1000000", "slots")]
    [InlineData("shards", "0", "shards")]
    [InlineData("optimizer", """{"learningRate": -1}""", "learningRate")]
    [InlineData("optimizer", """{"learningRate": 1e999}""", "jobJson")]
    [InlineData("workers", """{"min": 5, "max": 2}""", "workers")]
    [InlineData("loss", "3", "jobJson")]
    [InlineData("loss", "null", "jobJson")]
    [InlineData("metrics", "[null]", "jobJson")]
    [InlineData("model", """{"layers": [null]}""", "null")]
    [InlineData("name", "\"../x\"", "name")]
    public async Task Jobs_that_cannot_be_are_refused_as_job_files_are(string key, string value, string detail)
    {
        JsonNode job = JsonNode.Parse(_folder.Request("a").JobJson)!;
        job[key] = JsonNode.Parse(value);
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, _folder.Settings);
        using HttpClient http = scheduler.Client();
        using HttpResponseMessage answer = await http.PostAsync("/jobs", Requests.Json(new SubmitRequest("a", job.ToJsonString())), Token);
        Assert.Contains(detail, await Requests.ProblemAsync(answer, 400), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private SubmitRequest WithTrain(string path)
    {
        JsonNode job = JsonNode.Parse(_folder.Request("a").JobJson)!;
        job["data"]!["train"] = path;
        return new SubmitRequest("a", job.ToJsonString());
    }
}
