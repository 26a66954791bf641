using System.CommandLine;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep evaluate RUN|MODEL</c>: measures what was trained.</summary>
internal static class EvaluateCommand
{
    private static readonly Argument<string> Model = new("model") { HelpName = "RUN|MODEL", Description = "Folder of a run, or a model.safetensors that lockstep wrote." };
    private static readonly Option<string?> Data = new("--data") { HelpName = "FILE", Description = "Data to measure on, in the format of the job's; default: the job's validation data." };
    private static readonly Option<string?> Labels = new("--labels") { HelpName = "FILE", Description = "The labels, where the data are IDX images." };
    private static readonly Option<bool> Json = new("--json") { Description = "Write the metrics as JSON." };

    public static Command Create()
    {
        var command = new Command("evaluate", "Measure a model on data.") { Model, Data, Labels, RunOptions.Worker, Json };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(Labels) is not null && parsed.GetValue(Data) is null)
            {
                throw new InputException("--labels", 0, "Labels are given without data.", "Name the images with --data.");
            }

            return await WorkerTool.RunWithCacheAsync(
                RunOptions.FindServices(parsed),
                ToolNames.Evaluate,
                cache => new EvaluateRequest(RunFolder.ModelAt(parsed.GetValue(Model)!), Full(parsed.GetValue(Data)), Full(parsed.GetValue(Labels)), cache, parsed.GetValue(Json)).ToJson(),
                cancellation);
        });
        return command;
    }

    private static string? Full(string? path) => path is null ? null : Path.GetFullPath(path);
}
