using System.Globalization;
using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts;
using Lockstep.Engine.Chaos;
using Lockstep.Engine.Runs;

namespace Lockstep.Cli.Views;

/// <summary>Lines for a terminal, a file or a pipe: the progress of both runs, each fault, and what came of it.</summary>
internal sealed class ChaosView(TextWriter output, TimeProvider time) : IChaosObserver
{
    public ITrainingObserver Begins(TrainingOptions options) => new PlainView(output, new RunCaption(options.Job.Name, $"{Amount.Of(options.Workers, "worker")}, {Amount.Of(options.Job.Shards, "shard")}; {options.Output}", options.Job.Slots), time);

    public void Fired(FiredFault fault) => output.WriteLine($"  fault at {Seconds(fault)}, step {fault.At.Step}{Phase(fault)}: {JobWords.Of(fault.Kind)} {fault.Target}");

    /// <param name="least">Faults that had to happen.</param>
    public void Close(ChaosVerdict verdict, int least)
    {
        foreach ((FiredFault fault, double? recovery) in verdict.Faults.Zip(verdict.Recoveries))
        {
            output.WriteLine($"{Seconds(fault),9}  step {fault.At.Step,-7} {JobWords.Of(fault.Kind)} {fault.Target}{Phase(fault)}: {(recovery is { } ms ? $"next step after {Texts.Of(ms / 1000)} s" : "no step followed")}");
        }

        string missed = verdict.Missed.Count > 0 ? $", {verdict.Missed.Count} of the plan did not, as the job was over before ({string.Join("; ", verdict.Missed)})" : "";
        string late = verdict.Late.Count > 0 ? $"; {verdict.Late.Count} more after the last step, where nothing could come of it, do not count" : "";
        string few = verdict.Faults.Count < least ? $"; {least} had to: give the job more steps, or let them come sooner" : "";
        output.WriteLine($"{Amount.Of(verdict.Faults.Count, "fault")} happened{missed}{late}{few}. Next step after p50 {Texts.Of(verdict.RecoveryMs.P50 / 1000)} s, p95 {Texts.Of(verdict.RecoveryMs.P95 / 1000)} s; {Amount.Of(verdict.StepsRepeated, "step")} repeated; goodput {verdict.Goodput.ToString("0.00", CultureInfo.InvariantCulture)}.");
        output.WriteLine(verdict.SameLedger ? $"The same ledger: all {verdict.Ledgers.Lines} lines are equal." : $"NOT the same ledger: {verdict.Ledgers.Difference}");
        output.Flush();
    }

    private static string Seconds(FiredFault fault) => $"{fault.At.Seconds!.Value.ToString("0.0", CultureInfo.InvariantCulture)} s";

    private static string Phase(FiredFault fault) => fault.At.Phase is { } phase ? $" at {JobWords.Of(phase)}" : "";
}
