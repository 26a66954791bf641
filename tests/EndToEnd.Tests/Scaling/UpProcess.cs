using System.Globalization;
using System.Net.Http.Json;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.Client;

namespace Lockstep.EndToEnd.Tests.Scaling;

/// <summary><c>lockstep up</c> in a process of its own.</summary>
internal sealed class UpProcess : IAsyncDisposable
{
    private const string WorkerAssembly = "Lockstep.WorkerService.dll";


    private readonly HttpClient _http;
    private readonly CliProcess _process;
    private readonly string _runs;

    private UpProcess(CliProcess process, int port, string runs)
    {
        _process = process;
        _runs = runs;
        Scheduler = new Uri($"http://127.0.0.1:{port}");
        Client = new SchedulerClient(Scheduler, TimeProvider.System);
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Scheduler };
    }

    public Uri Scheduler { get; }
    public SchedulerClient Client { get; }

    /// <value>What it and the processes that it started wrote.</value>
    public string Output => _process.Output;

    public IReadOnlyList<string> SchedulerLog => File.ReadAllLines(Path.Combine(_runs, "logs", "scheduler.log"));

    /// <value>Worker processes that are alive.</value>
    public int WorkerProcesses => SystemProcess.ChildrenOf(_process.Id).Count(id => SystemProcess.CommandLineOf(id).Contains(WorkerAssembly, StringComparison.Ordinal));

    /// <summary>Starts it and waits until it serves.</summary>
    /// <param name="otlp">Where telemetry goes.</param>
    public static async Task<UpProcess> StartAsync(TestFolder folder, int mostWorkers, string otlp)
    {
        int port = FreePorts.Take(1)[0];
        string runs = folder.In("runs");
        CliProcess process = CliProcess.StartProgram(
            Built.Lockstep,
            ["up", "--port", Text(port), "--ps-shards", "2", "--workers-max", Text(mostWorkers), "--otlp", otlp, "--runs", runs, "--data", Path.GetDirectoryName(Built.Sample("digits"))!],
            [new("OTEL_METRIC_EXPORT_INTERVAL", "500"), new("OTEL_BSP_SCHEDULE_DELAY", "200"), new("OTEL_BLRP_SCHEDULE_DELAY", "200")]);
        var host = new UpProcess(process, port, runs);
        try
        {
            await host.WaitOutputAsync($"Scheduler at {host.Scheduler}");
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Hands in a job on the digits that would go on for ever.</summary>
    public async Task<(JobWatch Watch, RunFolder Run)> SubmitAsync(string jobId, int mostWorkers)
    {
        JobSpec job = JobFile.Load(Built.Sample("digits"), ["shards=2", "epochs=1000000", "workers.min=1", $"workers.max={mostWorkers}"]);
        var run = new RunFolder(Path.Combine(_runs, jobId));
        await Client.SubmitAsync(new SubmitRequest(jobId, JobFile.ToCanonicalJson(job), run.Path), TestContext.Current.CancellationToken);
        return (new JobWatch(Client, jobId), run);
    }

    /// <summary>The workers as the scheduler knows them.</summary>
    public async Task<IReadOnlyList<WorkerStatus>> WorkersAsync() => await _http.GetFromJsonAsync<IReadOnlyList<WorkerStatus>>(SchedulerRoutes.Workers, TestContext.Current.CancellationToken) ?? [];

    /// <summary>The scheduler's metrics as Prometheus reads them.</summary>
    public Task<string> ScrapeAsync() => _http.GetStringAsync(SchedulerRoutes.Metrics, TestContext.Current.CancellationToken);

    public Task WaitWorkerProcessesAsync(int count) => Waiting.UntilAsync(() => WorkerProcesses == count, $"{count} worker processes");

    public Task WaitOutputAsync(string text) => Waiting.UntilAsync(() => Output.Contains(text, StringComparison.Ordinal), $"lockstep up says '{text}'");

    /// <summary>Asks it to end, as a service manager does.</summary>
    public async Task<CliResult> StopAsync()
    {
        SystemProcess.Signal(_process.Id, SystemProcess.Terminate);
        return await _process.EndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _http.Dispose();
        await _process.DisposeAsync();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
