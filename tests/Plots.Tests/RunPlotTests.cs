using System.Xml.Linq;
using Lockstep.Contracts.Runs;

namespace Lockstep.Plots.Tests;

public sealed class RunPlotTests
{
    [Fact]
    public void A_run_has_a_panel_for_loss_each_metric_rate_and_workers()
    {
        XElement[] panels = Panels(RunPlot.Draw([new DrawnRun("a", Records(60))], RunAxis.Step, isLogarithmic: false));
        Assert.Equal(["loss", "accuracy, validation", "auc, validation", "learning rate", "workers"], panels.Select(Title));
        Assert.All(["training", "validation"], name => Assert.Contains(name, Texts(panels[0])));
        Assert.All(["present", "wanted"], name => Assert.Contains(name, Texts(panels[^1])));
        Assert.Contains("seconds", Texts(panels[^1]));
        // One a point, and one in the legend.
        Assert.Equal(3 + 1, panels[1].Descendants().Count(e => e.Name.LocalName == "ellipse"));
    }

    [Fact]
    public void Several_runs_are_told_apart()
    {
        string svg = RunPlot.Draw([new DrawnRun("first run", Records(40)), new DrawnRun("second run", Records(60))], RunAxis.Epoch, isLogarithmic: true);
        XElement[] panels = Panels(svg);
        Assert.All(["first run, training", "second run, validation"], name => Assert.Contains(name, Texts(panels[0])));
        Assert.Contains("epoch", Texts(panels[0]));
        Assert.All(["rgb(31,119,180)", "rgb(214,39,40)"], color => Assert.Contains(color, panels[1].ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void A_long_run_takes_no_more_room_than_a_panel_has_pixels()
    {
        int few = RunPlot.Draw([new DrawnRun("a", Records(1000))], RunAxis.Step, isLogarithmic: false).Length;
        int many = RunPlot.Draw([new DrawnRun("a", Records(50_000, evaluateEvery: 5_000))], RunAxis.Step, isLogarithmic: false).Length;
        Assert.InRange(many, 1, 2 * few);
    }

    [Fact]
    public void Neighbours_are_averaged_and_what_stays_the_same_is_one_line()
    {
        (double X, double Y)[] points = [.. Enumerable.Range(0, 1000).Select(i => ((double)i, i % 2 == 0 ? 1.0 : 3.0))];
        IReadOnlyList<(double X, double Y)> averaged = Points.Averaged(points);
        Assert.Equal(500, averaged.Count);
        Assert.All(averaged, point => Assert.Equal(2, point.Y));
        Assert.Equal(999, averaged[^1].X);
        Assert.Equal([(0, 5), (3, 6), (4, 6)], Points.Changes([(0, 5), (1, 5), (2, 5), (3, 6), (4, 6)]));
    }

    [Fact]
    public void The_best_version_is_drawn_in_the_panel_of_its_metric()
    {
        RunRecord[] records = [.. Records(60).Select(r => r is EvaluationRecord evaluation ? evaluation with { Best = new BestRecord("accuracy", 20, 1, 0) } : r)];
        XElement[] panels = Panels(RunPlot.Draw([new DrawnRun("a", records)], RunAxis.Step, isLogarithmic: false));
        Assert.Equal(["accuracy, validation"], panels.Where(panel => Texts(panel).Contains("best")).Select(Title));
        // One a point and one in the legend, of the metric and of the best.
        Assert.Equal(3 + 1 + 1 + 1, panels[1].Descendants().Count(e => e.Name.LocalName == "ellipse"));
    }

    [Fact]
    public void A_run_without_evaluations_or_with_losses_that_are_no_numbers_is_drawn()
    {
        RunRecord[] records = [.. Records(20, evaluateEvery: 100).Select(r => r is StepRecord step && step.Step > 10 ? step with { Loss = double.NaN } : r)];
        Assert.Equal(["loss", "learning rate", "workers"], Panels(RunPlot.Draw([new DrawnRun("a", records)], RunAxis.Time, isLogarithmic: true)).Select(Title));
    }

    private static XElement[] Panels(string svg) => [.. XElement.Parse(svg).Elements().Where(e => e.Name.LocalName == "svg")];

    private static string[] Texts(XElement panel) => [.. panel.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value)];

    private static string Title(XElement panel) => panel.Descendants().Single(e => e.Attribute("font-size")?.Value == "14").Value;

    private static IReadOnlyList<RunRecord> Records(int steps, int evaluateEvery = 20)
    {
        var records = new List<RunRecord>();
        for (int step = 1; step <= steps; step++)
        {
            records.Add(new StepRecord
            {
                Step = step,
                Seconds = step / 10.0,
                Loss = 2.0 / step,
                Samples = 8,
                Epoch = step / (double)evaluateEvery,
                LearningRate = 0.001,
                StepMs = 100,
                BarrierMs = 1,
                SyncMs = 1,
                UpdateMs = 1,
                SlotsByWorker = new Dictionary<string, int> { ["w"] = 8 },
                GroupSizes = [8],
                Workers = step > steps / 2 ? 3 : 1,
                WantedWorkers = step > steps / 3 ? 3 : 1,
            });
            if (step % evaluateEvery == 0)
            {
                records.Add(new EvaluationRecord { Step = step, Seconds = step / 10.0, Loss = 1, Samples = 4, Validation = new Dictionary<string, double> { ["loss"] = 2.5 / step, ["accuracy"] = 1 - (1.0 / step), ["auc"] = 0.9 } });
            }
        }

        return records;
    }
}
