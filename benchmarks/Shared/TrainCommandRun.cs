using Lockstep.Contracts.Services;
using System.Diagnostics;
using System.Globalization;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;

namespace Lockstep.Benchmarks;

/// <summary><c>lockstep train</c> as a person sees it: times from the start of the command.</summary>
/// <param name="FirstStep">The line of step 1 is printed.</param>
/// <param name="End">The command has ended.</param>
public sealed record TrainCommandRun(TimeSpan FirstStep, TimeSpan End, RunSummary Summary)
{
    /// <param name="lockstep">Assembly of the command.</param>
    /// <param name="job">Job file.</param>
    /// <param name="output">Folder of the run.</param>
    /// <exception cref="InvalidOperationException">The command failed, or told of no first step.</exception>
    public static async Task<TrainCommandRun> MeasureAsync(string lockstep, string job, int workers, string output, CancellationToken cancellation)
    {
        ProcessStartInfo start = DotnetHost.Start(lockstep, ["train", job, "--workers", workers.ToString(CultureInfo.InvariantCulture), "--output", output], []);
        var watch = Stopwatch.StartNew();
        await using var command = new Subprocess(start);
        TimeSpan? first = null;
        while (await command.ReadLineAsync(cancellation) is { } line)
        {
            if (line.Contains("step 1/", StringComparison.Ordinal))
            {
                first ??= watch.Elapsed;
            }
        }

        await command.WaitAsync(cancellation);
        TimeSpan end = watch.Elapsed;
        RunSummary summary = RunSummary.FromJson(await File.ReadAllTextAsync(new RunFolder(output).Summary, cancellation));
        return new(first ?? throw new InvalidOperationException($"{lockstep} printed no line of 'step 1/'."), end, summary);
    }
}
