using System.Diagnostics;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Tests.Hosting;
using Lockstep.Scheduler.Tests.Servers;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Protos;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Scheduler.Tests.Cli;

/// <summary>The command line as a process, against a scheduler that is there.</summary>
public sealed class CommandTests(EmbeddedGarnet redis) : IDisposable
{
    private const int BadInput = 2;

    private readonly JobFolder _folder = new();

    [Fact]
    public async Task A_job_is_submitted_listed_watched_logged_and_cancelled()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [("LOCKSTEP_API_KEY", InProcessService.Key), .. _folder.Settings]);
        string file = _folder.In("job.yaml");
        await File.WriteAllTextAsync(file, JobWriter.ToYaml(_folder.Job()), Token);
        Assert.Equal((0, "mine"), await OutputAsync(scheduler, "submit", file, "--id", "mine", "--set", "seed=7"));
        Assert.Equal((0, "mine"), await OutputAsync(scheduler, "submit", file, "--id", "mine", "--set", "seed=7"));
        ScheduledJob job = scheduler.Services.GetRequiredService<JobList>().Find("mine")!;
        Assert.Equal(7UL, job.Spec.Seed);
        Assert.Equal(Path.Combine(_folder.Runs, "mine"), job.Folder.Path);

        (int code, string output) = await OutputAsync(scheduler, "jobs");
        Assert.Equal(0, code);
        Assert.Matches("mine +queued", output);

        Task<(int Code, string Output)> watching = OutputAsync(scheduler, "watch", "mine");
        Assert.Equal((0, "mine: cancelled at step 0"), await OutputAsync(scheduler, "cancel", "mine"));
        (code, output) = await watching;
        Assert.Equal(1, code);
        Assert.EndsWith("mine: cancelled at step 0", output, StringComparison.Ordinal);

        (code, output) = await OutputAsync(scheduler, "logs", "mine", "--follow");
        Assert.Equal(0, code);
        Assert.StartsWith("step 0: queued, 0 workers", output, StringComparison.Ordinal);
        Assert.EndsWith("step 0: cancelled, 0 workers", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_waits_for_a_job_whose_input_is_bad_ends_with_2_and_its_text()
    {
        await using InProcessService shard = await InProcessService.ParameterServerAsync();
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [.. _folder.Settings, (EnvironmentNames.Scaling, "fixed"), (EnvironmentNames.ShardGrpc(0).Replace("__", ":", StringComparison.Ordinal), shard.Grpc.OriginalString)]);
        string file = _folder.In("job.yaml");
        await File.WriteAllTextAsync(file, JobWriter.ToYaml(_folder.Job()), Token);
        string id = RedisServer.NewId();
        Task<(int Code, string Output, string Error)> waiting = RunAsync(["submit", file, "--id", id, "--wait", "--scheduler", scheduler.Http.OriginalString]);
        using var channel = GrpcChannels.Create(scheduler.Grpc, null);
        var client = new Transport.Protos.Scheduler.SchedulerClient(channel);
        using var joined = client.Join(new JoinRequest { WorkerId = "worker-1", DeterminismClass = "test", Threads = 1 }, cancellationToken: Token);
        do
        {
            Assert.True(await joined.ResponseStream.MoveNext(Token));
        }
        while (joined.ResponseStream.Current.JobId != id);
        await client.FailAsync(new FailRequest { WorkerId = "worker-1", JobId = id, Error = $"{InputException.JobFile}:3: There is no such layer. Write linear.", BadInput = true }, cancellationToken: Token);

        (int code, string output, string error) = await waiting;

        Assert.True(code == BadInput, error);
        Assert.Equal($"{id}{Environment.NewLine}{file}:3: There is no such layer. Write linear.", error);
        Assert.Contains("takes all workers there are, up to 8", output, StringComparison.Ordinal);
        Assert.EndsWith($"{id}: failed at step 0", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_goes_wrong_is_told_with_a_remedy_and_exit_code_2()
    {
        await using InProcessService scheduler = await InProcessService.SchedulerAsync(redis, [("LOCKSTEP_API_KEY", InProcessService.Key), .. _folder.Settings]);
        await FailsAsync(["jobs", "--scheduler", scheduler.Http.OriginalString, "--api-key", InProcessService.Secret], "(401)", "LOCKSTEP_API_KEY");
        await FailsAsync(["cancel", "none", "--scheduler", scheduler.Http.OriginalString, "--api-key", InProcessService.Key], "(404)", "no job none");
        await FailsAsync(["watch", "../jobs", "--scheduler", scheduler.Http.OriginalString, "--api-key", InProcessService.Key], "(404)");
        await FailsAsync(["jobs", "--scheduler", "http://127.0.0.1:9"], "cannot be reached", "LOCKSTEP_SCHEDULER");
        await FailsAsync(["jobs", "--scheduler", "somewhere"], "'somewhere' is no address");
        await FailsAsync(["scale", "many"], "'many' is no number of workers");
        await FailsAsync(["submit", _folder.In("none.yaml")], "no such job file");
    }

    [Fact]
    public async Task The_request_can_be_printed_for_other_clients()
    {
        string file = _folder.In("job.yaml");
        await File.WriteAllTextAsync(file, JobWriter.ToYaml(_folder.Job()), Token);
        (int code, string output, _) = await RunAsync(["submit", file, "--id", "printed", "--print"]);
        Assert.Equal(0, code);
        SubmitRequest request = System.Text.Json.JsonSerializer.Deserialize<SubmitRequest>(output, System.Text.Json.JsonSerializerOptions.Web)!;
        Assert.Equal(_folder.Request("printed"), request);
    }

    public void Dispose() => _folder.Dispose();

    private static async Task<(int Code, string Output)> OutputAsync(InProcessService scheduler, params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync([.. arguments, "--scheduler", scheduler.Http.OriginalString, "--api-key", InProcessService.Key]);
        Assert.True(error.Length == 0, error);
        return (code, output);
    }

    private static async Task FailsAsync(string[] arguments, params string[] told)
    {
        (int code, string output, string error) = await RunAsync(arguments);
        Assert.True(code == BadInput, $"{string.Join(' ', arguments)}: {code} {output} {error}");
        Assert.All(told, text => Assert.Contains(text, error, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(IEnumerable<string> arguments)
    {
        ProcessStartInfo start = DotnetHost.Start(CommandLine, arguments, []);
        start.Environment.Remove(EnvironmentNames.ApiKey);
        start.Environment.Remove(EnvironmentNames.Scheduler);
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, (await output).Trim(), (await error).Trim());
    }

    /// <summary>Built along with the tests, in its own folder: the repository's Cli/bin/CONFIGURATION/FRAMEWORK.</summary>
    private static string CommandLine
    {
        get
        {
            var framework = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
            string root = framework.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
            return Path.Combine(root, "Cli", "bin", framework.Parent.Name, framework.Name, "lockstep.dll");
        }
    }
}
