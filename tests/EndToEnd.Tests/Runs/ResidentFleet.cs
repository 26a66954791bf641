using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Client;
using Lockstep.EndToEnd.Tests.Processes;

namespace Lockstep.EndToEnd.Tests.Runs;

/// <summary>What a job of the resident fleet came to.</summary>
/// <param name="Events">All of them, in order.</param>
internal sealed record JobOutcome(RunFolder Folder, IReadOnlyList<JobEvent> Events)
{
    public JobStatus Last => Events[^1].Status;

    public IReadOnlyList<string> Ledger => File.ReadAllLines(Folder.Ledger);

    public RunSummary Summary => RunSummary.FromJson(File.ReadAllText(Folder.Summary));

    /// <summary>The steps that were done in this job and not before it was resumed.</summary>
    public IReadOnlyList<StepRecord> Steps => [.. Events.Where(e => e.Report is not null).Select(e => RunRecord.FromElement(e.Report!.Value)).OfType<StepRecord>()];
}

/// <summary>One fleet of processes that stays up and is handed job after job; started when the first test asks for it.</summary>
public sealed class ResidentFleet : IAsyncDisposable
{
    public const int Shards = 3;
    public const int Workers = 9;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly TestFolder _folder = new();
    private readonly Lazy<Task<LocalFleet>> _fleet;
    private int _jobs;

    public ResidentFleet() => _fleet = new(() => LocalFleet.StartAsync(
        new FleetOptions
        {
            Services = Built.Services,
            LogDirectory = _folder.In("logs"),
            Shards = Shards,
            Workers = Workers,
            RedisServerAssembly = Built.Lockstep,
            Queue = "resident",
            Environment = new Dictionary<string, string>
            {
                [EnvironmentNames.DataRoots] = Path.GetTempPath(),
                [EnvironmentNames.RunsRoot] = _folder.Path,
            },
        },
        TimeProvider.System,
        CancellationToken.None));

    /// <summary>An empty folder for a run.</summary>
    internal RunFolder NewRun()
    {
        var run = new RunFolder(_folder.In($"run-{Interlocked.Increment(ref _jobs)}"));
        Directory.CreateDirectory(run.Path);
        return run;
    }

    /// <summary>Runs a job to its end, whatever that is.</summary>
    internal async Task<JobOutcome> RunAsync(JobSpec job, RunFolder run, long? resumeStep = null)
    {
        LocalFleet fleet = await _fleet.Value;
        using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        string id = Path.GetFileName(run.Path);
        await scheduler.SubmitAsync(new SubmitRequest(id, JobFile.ToCanonicalJson(job), run.Path, resumeStep), patience.Token);
        var events = new List<JobEvent>();
        try
        {
            await foreach (JobEvent item in scheduler.EventsAsync(id, 0, patience.Token))
            {
                events.Add(item);
            }
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            Assert.Fail($"Job {id} did not end in {Patience.TotalSeconds:0} s; its last state: {events.LastOrDefault()?.Status}.");
        }

        return new JobOutcome(run, events);
    }

    /// <summary>The scheduler's metrics as Prometheus reads them.</summary>
    internal async Task<string> ScrapeAsync()
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        return await http.GetStringAsync(new Uri((await _fleet.Value).Scheduler, "metrics"), TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_fleet is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
        {
            await (await _fleet.Value).DisposeAsync();
        }

        _folder.Dispose();
    }
}
