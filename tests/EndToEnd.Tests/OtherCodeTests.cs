using System.Text;
using Lockstep.Client;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.Engine.Processes;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A worker program whose code is another one's: it gets no work of a job that the first one began, and goes on with its run only where that is accepted by name.</summary>
public sealed class OtherCodeTests : IDisposable
{
    private const string Alien = "worker-of-other-code";

    private static readonly string Job = Path.Combine(Built.Root, "samples", "own-model", "jobs", "shapes.yaml");

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_worker_of_other_code_gets_no_work()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        await using LocalFleet fleet = await LocalFleet.StartAsync(
            new FleetOptions
            {
                Services = Built.Services.WithWorker(Built.OwnWorker, "test"),
                LogDirectory = _folder.In("logs"),
                Shards = 1,
                Workers = 1,
                RedisServerAssembly = Built.Lockstep,
                Queue = "code",
                Environment = new Dictionary<string, string> { [EnvironmentNames.DataRoots] = _folder.Path, [EnvironmentNames.RunsRoot] = _folder.Path },
            },
            TimeProvider.System,
            cancellation);
        using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
        // As long as it takes: it is called off once the other has been refused.
        JobSpec job = JobFile.Load(Job, ["epochs=", "steps=100000"]);
        var run = new RunFolder(_folder.In("run"));
        Directory.CreateDirectory(run.Path);
        await scheduler.SubmitAsync(new SubmitRequest("shapes", JobFile.ToCanonicalJson(job), run.Path), cancellation);
        ServiceProcess? alien = null;
        try
        {
            string? refusal = null;
            await foreach (JobEvent item in scheduler.EventsAsync("shapes", 0, cancellation))
            {
                // The first one's code is that of the job from here on.
                if (item.Status.Step > 0 && alien is null)
                {
                    alien = ServiceProcess.Start(
                        Other(),
                        new Dictionary<string, string>(SystemProcess.EnvironmentOf(fleet.Processes.Single(process => process.Name == "worker-0").ProcessId))
                        {
                            [EnvironmentNames.WorkerId] = Alien,
                            ["Kestrel__Endpoints__http__Url"] = $"http://127.0.0.1:{FreePorts.Take(1)[0]}",
                        });
                }

                if (refusal is null && item.Note is { } note && note.Contains(Alien, StringComparison.Ordinal) && note.Contains("gets no work", StringComparison.Ordinal))
                {
                    refusal = note;
                    await scheduler.CancelAsync("shapes", cancellation);
                }
            }

            Assert.NotNull(refusal);
            Assert.Contains("code-", refusal, StringComparison.Ordinal);
        }
        finally
        {
            alien?.Dispose();
        }
    }

    [Fact]
    public async Task A_run_goes_on_with_other_code_only_where_that_is_accepted()
    {
        string run = _folder.In("run");
        CliResult first = await CliProcess.RunAsync("train", Job, "--worker", Built.OwnWorker, "--workers", "1", "--output", run, "--set", "epochs=", "steps=8", "checkpoint.every=4");
        Assert.True(first.ExitCode == 0, first.All);
        // As if it had been ended after step 6.
        var folder = new RunFolder(run);
        File.WriteAllLines(folder.Ledger, File.ReadLines(folder.Ledger).Take(6).ToArray());
        File.Delete(folder.Model);
        File.Delete(folder.Summary);
        string other = Other();
        string[] resume = ["train", folder.Job, "--resume", "--output", run, "--workers", "1", "--worker", other];

        CliResult refused = await CliProcess.RunAsync(resume);
        Assert.True(refused.ExitCode == 2, refused.All);
        Assert.Contains("The checkpoint of step 4 was computed by the code 'code-", refused.Error, StringComparison.Ordinal);
        Assert.Contains("--accept-code", refused.Error, StringComparison.Ordinal);

        CliResult accepted = await CliProcess.RunAsync([.. resume, "--accept-code"]);
        Assert.True(accepted.ExitCode == 0, accepted.All);
        // Named where a part begins.
        (int Line, string Class)[] parts = [.. File.ReadLines(folder.Ledger).Select(LedgerLine.FromJson).Index().Where(line => line.Item.Class is not null).Select(line => (line.Index, line.Item.Class!))];
        Assert.Equal([0, 4], parts.Select(part => part.Line));
        Assert.NotEqual(parts[0].Class, parts[1].Class);
        Assert.Equal(8, File.ReadLines(folder.Ledger).Count());
    }

    /// <summary>The worker program with another text in its code, in a folder of its own.</summary>
    private string Other()
    {
        string from = Path.GetDirectoryName(Built.OwnWorker)!, to = Directory.CreateDirectory(_folder.In("other")).FullName;
        foreach (string path in Directory.EnumerateFileSystemEntries(from).Where(path => path != Built.OwnWorker))
        {
            File.CreateSymbolicLink(Path.Combine(to, Path.GetFileName(path)), path);
        }

        byte[] assembly = File.ReadAllBytes(Built.OwnWorker), text = Encoding.Unicode.GetBytes("/nowhere/at/all");
        int at = assembly.AsSpan().IndexOf(text);
        Assert.True(at > 0, "The program's text is not where it was.");
        Encoding.Unicode.GetBytes("/nowhere/at/ALL").CopyTo(assembly, at);
        string other = Path.Combine(to, Path.GetFileName(Built.OwnWorker));
        File.WriteAllBytes(other, assembly);
        return other;
    }
}
