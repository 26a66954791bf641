using System.Globalization;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.EndToEnd.Tests.Processes;
using Lockstep.EndToEnd.Tests.Runs;

namespace Lockstep.EndToEnd.Tests;

/// <summary>A job that is handed to a scheduler is looked through by its workers before its first step.</summary>
[Collection(nameof(ResidentFleet))]
public sealed class CheckingTests(ResidentFleet fleet) : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_nobody_will_have_meant_is_told_once_and_the_job_goes_on()
    {
        string data = _folder.Write("rows.csv", "a,b,y\n" + string.Concat(Enumerable.Range(0, 200).Select(i => string.Create(CultureInfo.InvariantCulture, $"{Math.Sin(i):R},7,{i % 2}\n"))));
        JobOutcome outcome = await fleet.RunAsync(Job(data), fleet.NewRun());

        Assert.Equal([JobState.Queued, JobState.Checking, JobState.Running, JobState.Finished], States(outcome));
        string warning = Assert.Single(outcome.Events.Select(e => e.Note).OfType<string>(), note => note.StartsWith("warning: ", StringComparison.Ordinal));
        Assert.StartsWith($"warning: {data}: Column b has the same value in every training row", warning, StringComparison.Ordinal);
        Assert.DoesNotContain(outcome.Events.TakeWhile(e => e.Status.State != JobState.Running), e => e.Report is not null);
    }

    [Fact]
    public async Task What_is_wrong_fails_it_with_place_value_and_remedy_before_a_step_is_done()
    {
        string data = _folder.Write("rows.csv", "a,b,y\n1,2,0\n1.5,x,1\n2,3,1\n" + "1,2,0,4\n");
        JobOutcome outcome = await fleet.RunAsync(Job(data), fleet.NewRun());

        Assert.Equal([JobState.Queued, JobState.Checking, JobState.Failed], States(outcome));
        Assert.DoesNotContain(outcome.Events, e => e.Report is not null);
        string error = outcome.Last.Error!;
        Assert.Equal(FailureCause.Input, outcome.Last.Cause);
        Assert.Contains($"{data}:3: 'x' in column b is no number", error, StringComparison.Ordinal);
        Assert.Contains($"{data}:5: The row has 4 fields, the first line 3.", error, StringComparison.Ordinal);
        Assert.False(File.Exists(outcome.Folder.Ledger));
    }

    private static JobState[] States(JobOutcome outcome) => [.. outcome.Events.Select(e => e.Status.State).Where((state, i) => i == 0 || state != outcome.Events[i - 1].Status.State)];

    private static JobSpec Job(string data) => new()
    {
        Name = "checked",
        Model = new ModelSpec { Preset = "mlp", Hidden = [4] },
        Data = new DataSpec { Format = DataFormat.Csv, Train = data, Labels = ["y"] },
        Loss = LossKind.BinaryCrossEntropy,
        Steps = 5,
        GlobalBatch = 16,
        Slots = 4,
        Workers = new WorkersSpec { Min = 2, Max = 3 },
    };
}
