using System.Diagnostics;
using System.Globalization;
using Lockstep.Benchmarks;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Client;

namespace Lockstep.Footprint;

/// <summary>What the processes of a fleet use: idle, and over a run.</summary>
internal sealed class FleetUse(LocalFleet fleet)
{
    private const double Mebibyte = 1 << 20;

    /// <summary>Processor time of each process while there is no job.</summary>
    public async Task MeasureIdleAsync(TimeSpan settle, TimeSpan interval)
    {
        await Task.Delay(settle);
        double[] before = [.. fleet.Processes.Select(p => ProcessUse.CpuSeconds(p.ProcessId))];
        var watch = Stopwatch.StartNew();
        await Task.Delay(interval);
        double seconds = watch.Elapsed.TotalSeconds;
        Console.WriteLine("| process | CPU, idle | memory, idle |");
        Console.WriteLine("|---|---|---|");
        foreach ((int index, FleetProcess process) in fleet.Processes.Index())
        {
            double share = (ProcessUse.CpuSeconds(process.ProcessId) - before[index]) / seconds;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {process.Name} | {100 * share:F2}% | {ProcessUse.AnonymousBytes(process.ProcessId) / Mebibyte:F0} MiB |"));
        }
    }

    /// <summary>Memory of each process at points of a run.</summary>
    /// <param name="points">Steps at which it is looked at, ascending.</param>
    public async Task MeasureRunAsync(JobSpec job, string folder, IReadOnlyList<long> points)
    {
        var seen = new List<(long Step, long[] Bytes)>();
        using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
        await scheduler.SubmitAsync(new SubmitRequest("footprint", JobFile.ToCanonicalJson(job), folder, null), CancellationToken.None);
        JobStatus? last = null;
        await foreach (JobEvent item in scheduler.EventsAsync("footprint", 0, CancellationToken.None))
        {
            last = item.Status;
            if (item.Report is { } report && RunRecord.FromElement(report) is StepRecord step && seen.Count < points.Count && step.Step >= points[seen.Count])
            {
                seen.Add((step.Step, [.. fleet.Processes.Select(p => ProcessUse.AnonymousBytes(p.ProcessId))]));
            }
        }

        if (last?.State != JobState.Finished)
        {
            throw new InvalidOperationException($"The run ended as {last?.State}: {last?.Error}");
        }

        Console.WriteLine($"| process |{string.Concat(seen.Select(s => string.Create(CultureInfo.InvariantCulture, $" step {s.Step} |")))} last to first |");
        Console.WriteLine($"|---|{string.Concat(seen.Select(_ => "---|"))}---|");
        foreach ((int index, FleetProcess process) in fleet.Processes.Index())
        {
            string sizes = string.Concat(seen.Select(s => string.Create(CultureInfo.InvariantCulture, $" {s.Bytes[index] / Mebibyte:F1} MiB |")));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {process.Name} |{sizes} {(double)seen[^1].Bytes[index] / seen[0].Bytes[index]:F3} |"));
        }
    }
}
