using System.CommandLine;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep predict RUN|MODEL --data FILE</c>: what a model says of data.</summary>
internal static class PredictCommand
{
    private static readonly Argument<string> Model = new("model") { HelpName = "RUN|MODEL", Description = "Folder of a run, or a model.safetensors that lockstep wrote." };
    private static readonly Option<string> Data = new("--data") { HelpName = "FILE", Description = "Data in the format of the job's, with the columns of its features; labels may be there, and are not looked at.", Required = true };
    private static readonly Option<string?> Output = new("--output") { HelpName = "FILE", Description = "CSV file to write, a line a row of the data; default: standard output." };

    public static Command Create()
    {
        var command = new Command("predict", "Write what a model says of data: classes and probabilities, or numbers.") { Model, Data, RunOptions.Worker, Output };
        command.SetAction((parsed, cancellation) => WorkerTool.RunWithCacheAsync(
            RunOptions.FindServices(parsed),
            ToolNames.Predict,
            cache => new PredictRequest(RunFolder.ModelAt(parsed.GetValue(Model)!), Path.GetFullPath(parsed.GetValue(Data)!), parsed.GetValue(Output) is { } output ? Path.GetFullPath(output) : null, cache).ToJson(),
            cancellation));
        return command;
    }
}
