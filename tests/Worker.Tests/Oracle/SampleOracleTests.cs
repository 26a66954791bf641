using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>The first steps of the samples with generated data: one ledger, and the metrics that they tell.</summary>
[Collection(SharedTorch.Generator)]
public sealed class SampleOracleTests
{
    [Theory]
    [InlineData("risk", 2, "auc", "recall-at-precision", "precision", "recall")]
    [InlineData("industrial", 0, "rmse", "mae", "r2")]
    public async Task A_sample_has_one_ledger_and_its_metrics(string sample, int classes, params string[] metrics)
    {
        JobSpec job = JobFile.Load(Path.Combine(AppContext.BaseDirectory, "samples", sample, "job.yaml"), ["epochs=", "steps=5", "slots=4"]);

        IReadOnlyList<StepReport> quiet = await TorchOracleTests.RunAsync(job, ComponentCatalog.Empty, 1, 1);

        Ledger.Equal("3 workers, 2 shards", Ledger.Of(quiet), Ledger.Of(await TorchOracleTests.RunAsync(job, ComponentCatalog.Empty, 3, 2)));
        string[] names = [.. Enumerable.Range(0, classes).Select(name => $"{name}")];
        Measurement measured = MetricMath.Finish(MetricLayout.Of(job, classes, 1), names, quiet.Last(report => report.EvaluationParts.Count > 0).EvaluationParts);
        Assert.Equal(metrics, measured.Values.Keys.Skip(1));
        Assert.All(measured.Values.Values, value => Assert.True(double.IsFinite(value)));
    }
}
