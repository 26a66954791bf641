using Lockstep.Contracts.Runs;

namespace Lockstep.Plots;

/// <summary>What a run's records are drawn over.</summary>
public enum RunAxis { Step = 1, Epoch = 2, Time = 3 }

/// <summary>A run to be drawn.</summary>
/// <param name="Name">In the legend.</param>
public sealed record DrawnRun(string Name, IReadOnlyList<RunRecord> Records);

/// <summary>Runs as one picture: loss, each metric, the learning rate, and, over time, how many workers there were and how many were wanted.</summary>
public static class RunPlot
{
    private const string Loss = "loss";

    /// <param name="axis">Of all panels but that of the workers.</param>
    /// <param name="isLogarithmic">The loss is on a logarithmic axis.</param>
    public static string Draw(IReadOnlyList<DrawnRun> runs, RunAxis axis, bool isLogarithmic)
    {
        string x = axis switch { RunAxis.Step => "step", RunAxis.Epoch => "epoch", _ => "seconds" };
        string[] metrics = [.. runs.SelectMany(run => run.Records.OfType<EvaluationRecord>()).SelectMany(record => record.Validation.Keys).Distinct(StringComparer.Ordinal).Where(name => name != Loss)];
        return Picture.Draw(
        [
            new Panel(Loss, x, Loss, [.. Of(run => Training(run, axis, s => s.Loss), CurveStyle.Line, "training"), .. Of(run => Evaluations(run, axis, Loss), CurveStyle.Dotted, "validation"), .. Of(run => Best(run, axis, Loss), CurveStyle.Dots, "best")]) { IsLogarithmicY = isLogarithmic },
            .. metrics.Select(metric => new Panel($"{metric}, validation", x, metric, [.. Of(run => Evaluations(run, axis, metric), CurveStyle.Dotted, ""), .. Of(run => Best(run, axis, metric), CurveStyle.Dots, "best")])),
            new Panel("learning rate", x, "learning rate", [.. Of(run => Points.Changes(Points.Averaged(Training(run, axis, s => s.LearningRate))), CurveStyle.Line, "")]),
            new Panel("workers", "seconds", "workers", [.. Of(run => Points.Changes(Training(run, RunAxis.Time, s => s.Workers ?? s.SlotsByWorker.Count)), CurveStyle.Steps, "present"), .. Of(Wanted, CurveStyle.BrokenSteps, "wanted")]) { Counts = true },
        ]);

        IEnumerable<Curve> Of(Func<DrawnRun, IReadOnlyList<(double, double)>> points, CurveStyle style, string what)
        {
            foreach ((int index, DrawnRun run) in runs.Index())
            {
                if (points(run) is { Count: > 0 } found)
                {
                    string name = what.Length == 0 ? run.Name : runs.Count == 1 ? what : $"{run.Name}, {what}";
                    yield return new Curve(name, style == CurveStyle.Line ? Points.Averaged(found) : found, style, index);
                }
            }
        }
    }

    private static IReadOnlyList<(double X, double Y)> Training(DrawnRun run, RunAxis axis, Func<StepRecord, double> value) =>
        [.. run.Records.OfType<StepRecord>().Select(step => (At(step, step.Epoch, axis), value(step)))];

    private static IReadOnlyList<(double X, double Y)> Evaluations(DrawnRun run, RunAxis axis, string metric)
    {
        var points = new List<(double, double)>();
        double epoch = 0;
        foreach (RunRecord record in run.Records)
        {
            epoch = record is StepRecord step ? step.Epoch : epoch;
            if (record is EvaluationRecord evaluation && evaluation.Validation.TryGetValue(metric, out double value))
            {
                points.Add((At(evaluation, epoch, axis), value));
            }
        }

        return points;
    }

    /// <returns>The best version, where it is the best by this metric.</returns>
    private static IReadOnlyList<(double X, double Y)> Best(DrawnRun run, RunAxis axis, string metric)
    {
        long? step = run.Records.OfType<EvaluationRecord>().LastOrDefault()?.Best is { } best && best.Metric == metric ? best.Step : null;
        return step is null ? [] : Evaluations(run with { Records = [.. run.Records.Where(record => record is not EvaluationRecord || record.Step == step)] }, axis, metric);
    }

    private static IReadOnlyList<(double X, double Y)> Wanted(DrawnRun run) =>
        Points.Changes([.. run.Records.OfType<StepRecord>().Where(step => step.WantedWorkers is not null).Select(step => (step.Seconds, (double)step.WantedWorkers!))]);

    private static double At(RunRecord record, double epoch, RunAxis axis) => axis switch
    {
        RunAxis.Step => record.Step,
        RunAxis.Epoch => epoch,
        _ => record.Seconds,
    };
}
