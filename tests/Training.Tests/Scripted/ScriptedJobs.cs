using Lockstep.Contracts.Jobs;

namespace Lockstep.Training.Tests.Scripted;

/// <summary>The job of samples/torchscript.</summary>
internal static class ScriptedJobs
{
    public static string Model { get; } = Path.Combine(AppContext.BaseDirectory, "torchscript", "model.pt");

    public static JobSpec Sample { get; } = JobFile.Load(Path.Combine(AppContext.BaseDirectory, "torchscript", "job.yaml"), [$"data.train={Path.Combine(AppContext.BaseDirectory, "digits.csv.gz")}"]);

    public static JobSpec Of(string path) => Sample with { Model = Sample.Model with { Torchscript = path } };
}
