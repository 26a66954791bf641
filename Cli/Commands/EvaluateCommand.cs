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
        var command = new Command("evaluate", "Measure a model on data.") { Model, Data, Labels, Json };
        command.SetAction(async (parsed, cancellation) =>
        {
            string path = parsed.GetValue(Model)!;
            string model = Path.GetFullPath(Directory.Exists(path) ? new RunFolder(path).Model : path);
            if (parsed.GetValue(Labels) is not null && parsed.GetValue(Data) is null)
            {
                throw new InputException("--labels", 0, "Labels are given without data.", "Name the images with --data.");
            }

            string? shared = DataCache.Find();
            DirectoryInfo? own = shared is null ? Directory.CreateTempSubdirectory("lockstep-evaluate-") : null;
            try
            {
                var request = new EvaluateRequest(model, Full(parsed.GetValue(Data)), Full(parsed.GetValue(Labels)), shared ?? own!.FullName, parsed.GetValue(Json));
                return await WorkerTool.RunAsync(ToolNames.Evaluate, request.ToJson(), cancellation);
            }
            finally
            {
                own?.Delete(recursive: true);
            }
        });
        return command;
    }

    private static string? Full(string? path) => path is null ? null : Path.GetFullPath(path);
}
