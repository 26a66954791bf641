using Lockstep.Hosting;
using System.Text.Json;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lockstep.AppHost.Tests;

/// <summary>The commands in the dashboard, called as the dashboard calls them, against an HTTP server in the scheduler's place.</summary>
public sealed class CommandTests
{
    [Fact]
    public async Task The_scheduler_has_a_command_for_each_thing_a_person_does()
    {
        await using AppModel app = await AppModel.RunAsync();
        Assert.Equal(
            ["cancel-job", "checkpoint-job", "drain-worker", "list-jobs", "pause-job", "resume-job", "scale-workers", "submit-file", "submit-sample", "verify-job"],
            Commands(app).Where(c => c.Name.Contains("-job", StringComparison.Ordinal) || c.Name.Contains("worker", StringComparison.Ordinal) || c.Name.Contains("submit", StringComparison.Ordinal)).Select(c => c.Name).Order(StringComparer.Ordinal));
        Assert.All(Commands(app), command => Assert.False(string.IsNullOrEmpty(command.DisplayName)));
    }

    [Theory]
    [InlineData("scale-workers", "workers", "3", "/workers/scale", """{"workers":3}""")]
    [InlineData("scale-workers", "workers", "", "/workers/scale", """{"workers":null}""")]
    [InlineData("drain-worker", "worker", "worker-2", "/workers/worker-2/drain", "")]
    [InlineData("pause-job", "job", "digits-1", "/jobs/digits-1/pause", "")]
    [InlineData("resume-job", "job", "digits-1", "/jobs/digits-1/resume", "")]
    [InlineData("checkpoint-job", "job", "digits-1", "/jobs/digits-1/checkpoint", "")]
    [InlineData("pause-job", "job", "../jobs", "/jobs/..%2Fjobs/pause", "")]
    public async Task A_command_is_one_call_of_the_API(string command, string argument, string value, string path, string body)
    {
        await using var scheduler = await FakeScheduler.StartAsync(answer: """{"jobId":"digits-1","state":"running","error":null,"step":1,"totalSteps":2,"stepsPerEpoch":1,"workers":1,"desired":3,"reason":"scaled to 3"}""");
        await using AppModel app = await AppModel.RunAsync("--Parameters:api-key", "the key");
        ExecuteCommandResult result = await ExecuteAsync(app, scheduler, command, argument, value);
        Assert.True(result.Success, result.Message);
        FakeScheduler.Call call = Assert.Single(scheduler.Calls);
        Assert.Equal(("POST", path, body, "the key"), (call.Method, call.Path, call.Body, call.Key));
    }

    [Theory]
    [InlineData("digits")]
    [InlineData("medical")]
    [InlineData("driving")]
    public async Task A_sample_is_submitted_as_the_command_line_would(string sample)
    {
        await using var scheduler = await FakeScheduler.StartAsync(answer: """{"jobId":"a-1","state":"queued","error":null,"step":0,"totalSteps":0,"stepsPerEpoch":0,"workers":0}""");
        await using AppModel app = await AppModel.RunAsync();
        ExecuteCommandResult result = await ExecuteAsync(app, scheduler, "submit-sample", "sample", sample);
        Assert.True(result.Success, result.Message);
        FakeScheduler.Call call = Assert.Single(scheduler.Calls);
        Assert.Equal("/jobs", call.Path);
        SubmitRequest request = JsonSerializer.Deserialize<SubmitRequest>(call.Body, JsonSerializerOptions.Web)!;
        Assert.Matches($"^{sample}-[0-9]{{8}}-[0-9]{{6}}$", request.JobId);
        // The scheduler chooses the folder.
        Assert.Equal("", request.RunDirectory);
        JobSpec job = JobFile.FromCanonicalJson(request.JobJson);
        Assert.Equal(sample, job.Name);
        Assert.True(File.Exists(job.Data.Train), job.Data.Train);
    }

    [Fact]
    public async Task A_job_file_of_this_machine_is_submitted_by_its_path()
    {
        await using var scheduler = await FakeScheduler.StartAsync(answer: """{"jobId":"a-1","state":"queued","error":null,"step":0,"totalSteps":0,"stepsPerEpoch":0,"workers":0}""");
        await using AppModel app = await AppModel.RunAsync();
        ExecuteCommandResult result = await ExecuteAsync(app, scheduler, "submit-file", "file", Path.Combine("samples", "digits", "job.yaml"));
        Assert.True(result.Success, result.Message);
        // What a caller that is no dashboard is told.
        Assert.Equal("a-1 is queued.", result.Data?.Value);
        Assert.Equal("digits", JobFile.FromCanonicalJson(JsonSerializer.Deserialize<SubmitRequest>(Assert.Single(scheduler.Calls).Body, JsonSerializerOptions.Web)!.JobJson).Name);
    }

    [Fact]
    public async Task The_jobs_are_a_table()
    {
        await using var scheduler = await FakeScheduler.StartAsync(answer: """[{"jobId":"digits-1","state":"running","error":null,"step":46,"totalSteps":460,"stepsPerEpoch":23,"workers":2}]""");
        await using AppModel app = await AppModel.RunAsync();
        scheduler.TakeThePlaceOf(app.Project("scheduler"));
        ExecuteCommandResult result = await app.Services.GetRequiredService<ResourceCommandService>().ExecuteCommandAsync(app.Project("scheduler"), "list-jobs", TestContext.Current.CancellationToken);
        Assert.True(result.Success, result.Message);
        Assert.EndsWith("| digits-1 | running | 46 of 460 | 2 |\n", result.Data?.Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_scheduler_refuses_is_shown()
    {
        await using var scheduler = await FakeScheduler.StartAsync(status: 404, answer: """{"title":"Not Found","detail":"There is no job x."}""");
        await using AppModel app = await AppModel.RunAsync();
        ExecuteCommandResult result = await ExecuteAsync(app, scheduler, "pause-job", "job", "x");
        Assert.False(result.Success);
        Assert.Contains("There is no job x.", result.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(JobState.Running, "pause-job", "checkpoint-job", "cancel-job")]
    [InlineData(JobState.Paused, "resume-job", "checkpoint-job", "cancel-job")]
    [InlineData(JobState.Queued, "pause-job", "cancel-job")]
    [InlineData(JobState.Checking, "pause-job", "cancel-job")]
    [InlineData(JobState.Finished)]
    [InlineData(JobState.Failed)]
    public async Task What_does_not_go_with_a_jobs_state_is_greyed(JobState state, params string[] enabled)
    {
        await using AppModel app = await AppModel.RunAsync();
        var row = new JobRow("digits-1", TimeProvider.System);
        var notifications = app.Services.GetRequiredService<ResourceNotificationService>();
        await notifications.PublishUpdateAsync(row.Resource, "digits-1", row.Show(new FleetJob(new JobStatus("digits-1", state, null, 46, 460, 23, 2), "/runs/digits-1", 0.25, 128), ("scheduler", "scheduler-1"), []));
        Assert.True(notifications.TryGetCurrentState("digits-1", out ResourceEvent? shown));
        Assert.Equal(enabled.Order(StringComparer.Ordinal), shown.Snapshot.Commands.Where(c => c.State == ResourceCommandState.Enabled).Select(c => c.Name).Order(StringComparer.Ordinal));
        Assert.Equal("46 of 460", shown.Snapshot.Properties.Single(p => p.Name == "lockstep.job.step").Value);
        Assert.Contains(shown.Snapshot.Relationships, r => r is { ResourceName: "scheduler", Type: "Parent" });
    }

    [Theory]
    [InlineData("5")]
    [InlineData("two")]
    public async Task A_number_of_workers_is_looked_at_before_it_is_sent(string value)
    {
        await using var scheduler = await FakeScheduler.StartAsync();
        await using AppModel app = await AppModel.RunAsync();
        scheduler.TakeThePlaceOf(app.Project("scheduler"));
        ExecuteCommandResult result = await app.Services.GetRequiredService<ResourceCommandService>().ExecuteCommandAsync(
            app.Project("scheduler"), "scale-workers", new InteractionInputCollection([new InteractionInput { Name = "workers", InputType = InputType.Number, Value = value }]), TestContext.Current.CancellationToken);
        Assert.False(result.Success);
        Assert.Empty(scheduler.Calls);
    }

    private static IEnumerable<ResourceCommandAnnotation> Commands(AppModel app) => app.Project("scheduler").Annotations.OfType<ResourceCommandAnnotation>();

    private static async Task<ExecuteCommandResult> ExecuteAsync(AppModel app, FakeScheduler scheduler, string name, string argument, string value)
    {
        scheduler.TakeThePlaceOf(app.Project("scheduler"));
        ResourceCommandAnnotation command = Commands(app).Single(c => c.Name == name);
        InteractionInput input = Assert.Single(command.Arguments);
        Assert.Equal(argument, input.Name);
        return await command.ExecuteCommand(new ExecuteCommandContext
        {
            Services = app.Services,
            ResourceName = "scheduler",
            CancellationToken = TestContext.Current.CancellationToken,
            Logger = NullLogger.Instance,
            Arguments = new InteractionInputCollection([new InteractionInput { Name = argument, InputType = input.InputType, Value = value }]),
        });
    }
}
