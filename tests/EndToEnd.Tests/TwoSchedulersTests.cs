using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Client;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>Two schedulers as processes on one Redis: the newer one is in charge, and the other takes over when that one is gone.</summary>
public sealed class TwoSchedulersTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_job_ends_under_the_second_and_the_workers_are_there_for_the_first_ones_next_job()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        // The job is in its midst until the second scheduler is in charge.
        const int Midst = 150;
        var barrier = new StepBarrier(_folder, Midst);
        await using LocalFleet fleet = await LocalFleet.StartAsync(
            new FleetOptions
            {
                Services = Built.Services,
                LogDirectory = _folder.In("logs"),
                Shards = 2,
                Workers = 2,
                RedisServerAssembly = Built.Lockstep,
                Queue = "two",
                Environment = new Dictionary<string, string>([barrier.Environment]) { [EnvironmentNames.DataRoots] = Path.GetDirectoryName(Built.Sample("digits"))!, [EnvironmentNames.RunsRoot] = _folder.Path },
            },
            TimeProvider.System,
            patience.Token);
        using var first = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
        JobSpec job = JobFile.Load(Built.Sample("digits"), ["epochs=", "steps=300", "shards=2"]);

        RunFolder disturbed = await SubmitAsync(first, "disturbed", job, patience.Token);
        // Its data are looked through: workers that do not train yet would join the second one.
        await foreach (JobEvent item in first.EventsAsync("disturbed", 0, patience.Token))
        {
            if (item.Status.Step > 0)
            {
                break;
            }
        }

        using (var scheduler = SecondScheduler.Start(fleet))
        {
            using var second = new SchedulerClient(scheduler.Address, TimeProvider.System);
            InputException? refused = null;
            IReadOnlyList<JobStatus> followed = await FollowAsync(second, "disturbed", patience.Token, async () =>
            {
                refused = await Assert.ThrowsAsync<InputException>(() => second.PauseAsync("disturbed", patience.Token));
                barrier.Release(Midst);
            });
            // Its workers are with the first one, and would not stop.
            Assert.Contains("No worker of job disturbed has joined this scheduler", refused?.Message, StringComparison.Ordinal);
            (JobStatus taken, JobStatus ended) = (followed[0], followed[^1]);
            Assert.True(taken.State is JobState.Running or JobState.Waiting, $"The job was over before the second scheduler was in charge: {taken}");
            Assert.True(ended.State == JobState.Finished, $"{ended}");
            HttpRequestException standsBy = await Assert.ThrowsAsync<HttpRequestException>(() => first.ListAsync(patience.Token));
            Assert.Contains("Another scheduler is in charge", standsBy.Message, StringComparison.Ordinal);
            scheduler.Kill();
        }

        RunFolder quiet = await SubmitAsync(first, "quiet", job, patience.Token);
        JobStatus last = (await FollowAsync(first, "quiet", patience.Token))[^1];

        Assert.True(last.State == JobState.Finished, $"{last}");
        string[] expected = await File.ReadAllLinesAsync(quiet.Ledger, patience.Token);
        Assert.Equal(300, expected.Length);
        Assert.Equal(expected, await File.ReadAllLinesAsync(disturbed.Ledger, patience.Token));
    }

    /// <summary>What a job went through, to its end.</summary>
    /// <param name="begun">Done once it is heard to run.</param>
    private static async Task<IReadOnlyList<JobStatus>> FollowAsync(SchedulerClient scheduler, string id, CancellationToken cancellation, Func<Task>? begun = null)
    {
        var seen = new List<JobStatus>();
        await foreach (JobEvent item in scheduler.EventsAsync(id, 0, cancellation))
        {
            seen.Add(item.Status);
            if (begun is not null && item.Status.State == JobState.Running)
            {
                await begun();
                begun = null;
            }
        }

        return seen;
    }

    /// <summary>Asks until somebody is in charge.</summary>
    private async Task<RunFolder> SubmitAsync(SchedulerClient scheduler, string id, JobSpec job, CancellationToken cancellation)
    {
        var run = new RunFolder(_folder.In(id));
        var request = new SubmitRequest(id, JobFile.ToCanonicalJson(job), run.Path);
        await Waiting.UntilAsync(
            async () =>
            {
                try
                {
                    await scheduler.SubmitAsync(request, cancellation);
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            () => $"a scheduler that takes job {id}",
            cancellation);
        return run;
    }
}
