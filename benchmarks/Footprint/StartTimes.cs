using System.Globalization;
using Lockstep.Benchmarks;

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
            TrainCommandRun digits = await TrainCommandRun.MeasureAsync(lockstep, job, 2, Path.Combine(folder, $"digits-{run}"), CancellationToken.None);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {run} | {digits.FirstStep.TotalSeconds:F1} s | {digits.End.TotalSeconds:F1} s | {digits.Summary.Validation["accuracy"]:F4} |"));
        }
    }
}
