using Lockstep.Contracts.Runs;

namespace Lockstep.Cli.Views;

/// <summary>What a run came to, in lines.</summary>
internal static class SummaryView
{
    public static void Write(RunSummary summary, RunFolder folder)
    {
        string slots = string.Join(", ", summary.SlotsByWorker.Select(w => $"{w.Key} {w.Value}"));
        string[] lines =
        [
            $"{summary.Job}: {summary.Steps} steps, {Texts.Of(summary.Epochs)} epochs in {Texts.Of(summary.Seconds)} s, {Texts.Count(summary.SamplesPerSecond)} samples/s",
            $"  training loss {Texts.Of(summary.TrainLoss)}, validation {Texts.Of(summary.Validation)}",
            .. summary.Best is { } best ? [$"  {(summary.StoppedEarly ? "ended early; " : "")}the model is that of step {best.Step}, the best by {best.Metric}: {Texts.Of(best.Value)}"] : Array.Empty<string>(),
            .. EvaluationLines.Of(summary.ValidationDetails).Select(line => $"    {line}"),
            .. (summary.Warnings ?? []).Select(warning => $"  warning: {warning}"),
            $"  slots by worker: {slots}",
            $"  step {Texts.Of(summary.StepMs)}, sync latency {Texts.Of(summary.SyncMs)} (p50 / p95)",
            $"  goodput {Texts.Of(summary.Time)}",
            $"  parameters sha256 {summary.ParametersSha256}",
            $"  {folder.Path}",
        ];
        foreach (string line in lines)
        {
            Console.Out.WriteLine(line);
        }
    }
}
