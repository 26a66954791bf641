using Lockstep.Hosting;
using System.Diagnostics;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.AppHost.Tests;

/// <summary>The application as Aspire's orchestrator runs it, with real processes.</summary>
[Collection(RunningSet.Name)]
public sealed class ApplicationTests : IDisposable
{
    private const string JobId = "digits-of-the-test";
    private const string Killed = "worker-1";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly string[] Sets = ["shards=2", "epochs=3", "workers.min=2", "workers.max=2"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lockstep-application-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_job_is_trained_by_workers_that_come_and_one_that_is_killed_and_nothing_is_left()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It looks for processes in /proc.");
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        CancellationToken cancellation = patience.Token;
        string parent = $"{Environment.ProcessId}";
        await using (DistributedApplication application = await StartAsync(cancellation))
        {
            var notifications = application.Services.GetRequiredService<ResourceNotificationService>();
            await notifications.WaitForResourceHealthyAsync("worker-0", cancellation);
            SchedulerClient scheduler = await application.Services.GetRequiredService<SchedulerAccess>().ClientAsync(cancellation);

            // It needs two workers, and one is there: the other comes because it is wanted.
            JobSpec job = JobFile.Load(Repository.PathOf("samples", "digits", "job.yaml"), Sets);
            var run = new RunFolder(Path.Combine(_folder.FullName, JobId));
            await scheduler.SubmitAsync(new SubmitRequest(JobId, JobFile.ToCanonicalJson(job), run.Path), cancellation);
            await UntilAsync(scheduler, fleet => fleet.Jobs.Any(j => j.Status is { Step: > 0, Workers: 2 }), cancellation);

            // Held, so that it is not over before its worker dies.
            await scheduler.PauseAsync(JobId, cancellation);
            using Process worker = Process.GetProcessById(Assert.Single(LeftProcesses.With(EnvironmentNames.WorkerId, Killed), id => IsOf(id, parent)));
            worker.Kill();
            await worker.WaitForExitAsync(cancellation);
            await scheduler.ResumeAsync(JobId, cancellation);
            await UntilAsync(scheduler, fleet => fleet.Jobs.Any(j => j.Status.State == JobState.Finished), cancellation);

            // What there is to be shown.
            await notifications.WaitForResourceAsync(JobId, KnownResourceStates.Finished, cancellation);
            Assert.True(LeftProcesses.With(EnvironmentNames.ParentProcess, parent).Count >= 6);
            await application.StopAsync(cancellation);
            await AssertTrainedAlikeAsync(run, cancellation);
        }

        await LeftProcesses.EndAsync(parent, cancellation);
    }

    private async Task<DistributedApplication> StartAsync(CancellationToken cancellation)
    {
        IDistributedApplicationTestingBuilder builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.AppHost>(
            ["--port", "0", "--workers-min", "1", "--workers-max", "3", $"--{EnvironmentNames.RunsRoot}", _folder.FullName], cancellation);
        builder.Services.AddLogging(logging => logging.ClearProviders());
        DistributedApplication application = await builder.BuildAsync(cancellation);
        await application.StartAsync(cancellation);
        return application;
    }

    private static bool IsOf(int process, string parent) => LeftProcesses.With(EnvironmentNames.ParentProcess, parent).Contains(process);

    private static async Task UntilAsync(SchedulerClient scheduler, Predicate<FleetStatus> happened, CancellationToken cancellation)
    {
        await foreach (FleetStatus fleet in scheduler.FleetAsync(cancellation))
        {
            Assert.All(fleet.Jobs, job => Assert.Null(job.Status.Error));
            if (happened(fleet))
            {
                return;
            }
        }

        throw new InvalidOperationException("The scheduler ended.");
    }

    /// <summary>The command line trains the same job to the same bits.</summary>
    private async Task AssertTrainedAlikeAsync(RunFolder run, CancellationToken cancellation)
    {
        var alone = new RunFolder(Path.Combine(_folder.FullName, "alone"));
        ProcessStartInfo start = DotnetHost.Start(BuiltPrograms.AssemblyOf(new Projects.Cli().ProjectPath), ["train", Repository.PathOf("samples", "digits", "job.yaml"), "--workers", "2", "--output", alone.Path, .. Sets.SelectMany(set => new[] { "--set", set })], []);
        using Process train = Process.Start(start)!;
        train.StandardInput.Close();
        Task<string> output = train.StandardOutput.ReadToEndAsync(cancellation);
        string errors = await train.StandardError.ReadToEndAsync(cancellation);
        await train.WaitForExitAsync(cancellation);
        Assert.True(train.ExitCode == 0, await output + errors);
        Assert.Equal(await File.ReadAllLinesAsync(alone.Ledger, cancellation), await File.ReadAllLinesAsync(run.Ledger, cancellation));
    }
}
