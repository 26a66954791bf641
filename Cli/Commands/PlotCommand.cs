using System.CommandLine;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Plots;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep plot RUN…</c>: draws what happened in runs as one picture.</summary>
internal static class PlotCommand
{
    private static readonly Argument<string[]> Runs = new("runs") { HelpName = "RUN", Description = "Folders of runs; each has a color.", Arity = ArgumentArity.OneOrMore };
    private static readonly Option<string> Output = new("--output") { HelpName = "FILE", Description = "SVG file to write.", Required = true };
    private static readonly Option<string> By = new("--by") { HelpName = "AXIS", Description = $"What is drawn over: {string.Join(", ", JobWords.All<RunAxis>())}; default: step. Workers are drawn over time in any case.", DefaultValueFactory = _ => JobWords.Of(RunAxis.Step) };
    private static readonly Option<bool> Logarithmic = new("--log") { Description = "Draw the loss on a logarithmic axis." };

    public static Command Create()
    {
        var command = new Command("plot", "Draw runs as one picture: loss, metrics, learning rate, workers.") { Runs, Output, By, Logarithmic };
        command.SetAction(async (parsed, _) =>
        {
            string[] folders = parsed.GetValue(Runs)!;
            RunAxis axis = JobWords.All<RunAxis>().Contains(parsed.GetValue(By)!)
                ? JobWords.Parse<RunAxis>(parsed.GetValue(By)!)
                : throw new InputException(By.Name, 0, $"'{parsed.GetValue(By)}' is nothing to draw over.", $"Give one of {string.Join(", ", JobWords.All<RunAxis>())}.");
            DrawnRun[] drawn = [.. folders.Select((folder, i) => new DrawnRun(NameOf(folder, folders), RunRecords.Read(new RunFolder(folder), folder)))];
            string output = Path.GetFullPath(parsed.GetValue(Output)!);
            WholeFile.Write(output, Output.Name, writer => writer.Write(RunPlot.Draw(drawn, axis, parsed.GetValue(Logarithmic))));
            await Console.Out.WriteLineAsync(output);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>The last part of a path, where that tells it from the others.</summary>
    private static string NameOf(string folder, string[] all) => all.Count(other => Last(other) == Last(folder)) == 1 ? Last(folder) : folder;

    private static string Last(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
}
