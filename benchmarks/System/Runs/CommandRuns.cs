using Lockstep.Benchmarks;
using Lockstep.SystemBenchmark.Rows;

namespace Lockstep.SystemBenchmark.Runs;

/// <summary>The whole command <c>lockstep train samples/digits/job.yaml --workers 2</c> from built state.</summary>
internal static class CommandRuns
{
    public static Contender Ours(Group group) => new(group, "lockstep train digits", (bench, cancellation) => MeasureAsync(bench, BuiltTree.Lockstep, BuiltTree.Sample("digits"), cancellation));

    public static Contender Earlier(Group group) => new(group, $"lockstep train digits of {EarlierBuild.Commit}", async (bench, cancellation) =>
    {
        string tree = await EarlierBuild.GetAsync(bench, cancellation);
        return await MeasureAsync(bench, BuiltTree.LockstepIn(tree), Path.Combine(tree, "samples", "digits", "job.yaml"), cancellation);
    });

    private static async Task<Figures> MeasureAsync(Bench bench, string lockstep, string job, CancellationToken cancellation)
    {
        TrainCommandRun run = await TrainCommandRun.MeasureAsync(lockstep, job, workers: 2, bench.NewPath("digits"), cancellation);
        return new Figures { [Figures.FirstStep] = run.FirstStep.TotalSeconds, [Figures.End] = run.End.TotalSeconds };
    }
}
