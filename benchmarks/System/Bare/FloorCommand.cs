using System.CommandLine;
using Lockstep.Contracts.Jobs;
using Lockstep.Convergence;
using Lockstep.SystemBenchmark.Rows;
using Lockstep.SystemBenchmark.Runs;
using Lockstep.Training;
using static TorchSharp.torch;

namespace Lockstep.SystemBenchmark.Bare;

/// <summary>The floor of two workers: two processes at once, each with forward and backward of its half of a batch, raw TorchSharp on one thread, and nothing else.</summary>
internal static class FloorCommand
{
    private const string Name = "floor";
    private const int Processes = 2;
    private const int Classes = 10;
    private static readonly int[] Image = [1, 28, 28];

    public static Command Create() => BareProcess.Command(Name, Compute);

    public static Contender Contender(Group group, TrainedJob job) => new(group, "two bare processes", async (bench, cancellation) =>
    {
        IReadOnlyList<Figures> each = await BareProcess.RunAsync(bench, Name, job, Processes, cancellation);
        return new Figures { [Figures.SamplesPerSecond] = each.Sum(figures => figures[Figures.SamplesPerSecond]) };
    });

    private static void Compute(BareRun run)
    {
        TorchRuntime.UseThreads(1);
        JobSpec job = run.Job.Load();
        int samples = job.GlobalBatch / Processes;
        using var model = TorchModels.Create(job, Image, Classes);
        using Tensor features = randn([samples, .. Image]);
        using Tensor labels = randint(Classes, [samples], dtype: ScalarType.Int64);
        run.Figures[Figures.SamplesPerSecond] = samples * run.PerSecond(() =>
        {
            using var scope = NewDisposeScope();
            model.zero_grad();
            nn.functional.cross_entropy(model.forward(features), labels).backward();
        });
    }
}
