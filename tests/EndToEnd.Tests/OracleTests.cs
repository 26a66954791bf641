using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Oracle;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>One ledger per job, whoever takes part: real processes, real gradients, every pair of circumstances.</summary>
[Collection(nameof(ResidentFleet))]
public sealed class OracleTests(ResidentFleet fleet, OracleJobs jobs) : IClassFixture<OracleJobs>
{
    private const int Attempts = 5;

    public static TheoryData<int, string> Numbers => [.. OracleCover.Cases.Select((one, number) => (number, one.ToString()))];

    [Fact]
    public void The_cases_cover_every_pair()
    {
        HashSet<(int, object, int, object)> covered = OracleCover.Pairs(OracleCover.Cases);
        int factors = OracleCover.Cases[0].Factors.Count;
        for (int first = 0; first < factors; first++)
        {
            for (int second = first + 1; second < factors; second++)
            {
                Assert.All(from one in OracleCover.ValuesOf(first) from other in OracleCover.ValuesOf(second) select (first, one, second, other), pair => Assert.Contains(pair, covered));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public async Task One_ledger(int number, string name)
    {
        OracleCase one = OracleCover.Cases[number];
        Assert.Equal(name, one.ToString());
        JobOutcome quiet = await jobs.QuietAsync(one.Job);
        Assert.True(quiet.Last.State == JobState.Finished, quiet.Last.Error);
        // Who gets a slot is chance on a busy machine: a run that lacked a worker must give the same ledger, and proves nothing.
        string[] contributed = [];
        for (int attempt = 0; attempt < Attempts && contributed.Length < Math.Min(one.Workers, OracleCase.Slots); attempt++)
        {
            JobOutcome run = await RunAsync(one);
            AssertEqual(quiet, run);
            AssertHappened(one, run);
            contributed = [.. run.Steps.SelectMany(s => s.SlotsByWorker.Keys).Distinct(StringComparer.Ordinal)];
        }

        Assert.True(contributed.Length >= Math.Min(one.Workers, OracleCase.Slots), $"In {Attempts} runs, not all of {one.Workers} workers contributed; in the last, only {string.Join(", ", contributed)}.");
    }

    private async Task<JobOutcome> RunAsync(OracleCase one)
    {
        JobSpec spec = jobs.SpecOf(one.Job, one.Workers, one.Shards);
        return one.Resumes
            ? await fleet.RunAsync(spec, await jobs.BrokenOffAsync(one.Job), OracleJobs.ResumeStep)
            : await fleet.RunAsync(spec, fleet.NewRun());
    }

    private static void AssertEqual(JobOutcome quiet, JobOutcome run)
    {
        Assert.True(run.Last.State == JobState.Finished, run.Last.Error);
        Assert.Equal(quiet.Ledger, run.Ledger);
        Assert.Equal(OracleJobs.Steps, run.Ledger.Count);
        RunSummary summary = run.Summary;
        Assert.Equal(quiet.Summary.ParametersSha256, summary.ParametersSha256);
        Assert.Equal(quiet.Summary.Validation, summary.Validation);
        Assert.Equal(quiet.Summary.TrainLoss, summary.TrainLoss);
        Assert.Equal(0, summary.Contributions.Mismatched);
    }

    /// <summary>What a case is about must have happened.</summary>
    private static void AssertHappened(OracleCase one, JobOutcome run)
    {
        int begins = one.Resumes ? OracleJobs.ResumeStep : 0;
        Assert.Equal(Enumerable.Range(begins + 1, OracleJobs.Steps - begins), run.Steps.Select(s => (int)s.Step));
        // Others may overflow too, as a batch of five with batch normalisation does.
        Assert.True(!one.Job.Overflows || run.Steps.Any(s => s.Step > 1 && s.EscapedBlocks > 0), "No block exceeded its range after the first step, where all do.");
        Assert.Equal(one.Job.Odd, run.Steps.Any(s => s.Samples < OracleCase.Slots));
    }
}
