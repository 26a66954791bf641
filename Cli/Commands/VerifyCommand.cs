using System.CommandLine;
using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep verify RUN</c>: computes steps of a run again, alone, and compares them with its ledger.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<string> Run = new("run") { HelpName = "RUN", Description = "Folder of the run." };
    private static readonly Option<string?> Steps = new("--steps") { HelpName = "A..B", Description = "From step A to step B; default: from the oldest checkpoint that is kept to the end." };
    private static readonly Option<bool> Json = new("--json") { Description = "Write the verdict as JSON." };

    public static Command Create()
    {
        var command = new Command("verify", "Recompute steps of a run and compare them with its ledger.") { Run, Steps, RunOptions.Worker, Json };
        command.SetAction(async (parsed, cancellation) =>
        {
            string folder = parsed.GetValue(Run)!;
            if (!File.Exists(new RunFolder(folder).Job))
            {
                throw new InputException(folder, 0, "This is no folder of a run: it has no job.yaml.", "Give the folder that 'lockstep train' named.");
            }

            (long? from, long? to) = Parse(parsed.GetValue(Steps));
            return await WorkerTool.RunAsync(RunOptions.FindServices(parsed), ToolNames.Verify, new VerifyRequest(Path.GetFullPath(folder), from, to, parsed.GetValue(Json)).ToJson(), cancellation);
        });
        return command;
    }

    private static (long? From, long? To) Parse(string? steps)
    {
        if (steps is null)
        {
            return (null, null);
        }

        string[] parts = steps.Split("..");
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long from) && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long to) && from <= to
            ? (from, to)
            : throw new InputException("--steps", 0, $"'{steps}' is no range of steps.", "Write A..B, such as 1..100; one step is A..A.");
    }
}
