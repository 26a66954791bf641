using System.Diagnostics;
using System.Globalization;
using Lockstep.Contracts.Runs;
using Lockstep.Engine.Processes;

namespace Lockstep.Footprint;

/// <summary>How long <c>lockstep train samples/digits/job.yaml</c> takes from built state, as a person sees it.</summary>
internal static class StartTimes
{
    public static async Task MeasureAsync(string lockstep, string job, string folder, int runs)
    {
        Console.WriteLine("| run | first step after | done after | validation accuracy |");
        Console.WriteLine("|---|---|---|---|");
        for (int run = 1; run <= runs; run++)
        {
            string output = Path.Combine(folder, $"digits-{run}");
            ProcessStartInfo start = DotnetHost.Start(lockstep, ["train", job, "--workers", "2", "--output", output], []);
            var watch = Stopwatch.StartNew();
            using Process process = Process.Start(start) ?? throw new InvalidOperationException("The command was not started.");
            process.StandardInput.Close();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            TimeSpan first = TimeSpan.Zero;
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                if (first == TimeSpan.Zero && line.Contains("step 1/", StringComparison.Ordinal))
                {
                    first = watch.Elapsed;
                }
            }

            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException($"The command ended with {process.ExitCode}: {await errors}");
            }

            RunSummary summary = RunSummary.FromJson(await File.ReadAllTextAsync(new RunFolder(output).Summary));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {run} | {first.TotalSeconds:F1} s | {watch.Elapsed.TotalSeconds:F1} s | {summary.Validation["accuracy"]:F4} |"));
        }
    }
}
