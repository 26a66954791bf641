using System.CommandLine;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep export RUN|MODEL --onnx FILE</c>: what was trained, for other programs.</summary>
internal static class ExportCommand
{
    private static readonly Argument<string> Model = new("model") { HelpName = "RUN|MODEL", Description = "Folder of a run, or a model.safetensors that lockstep wrote." };
    private static readonly Option<string> Onnx = new("--onnx") { HelpName = "FILE", Description = "ONNX file to write; its input takes prepared samples.", Required = true };

    public static Command Create()
    {
        var command = new Command("export", "Write a model of layers as ONNX.") { Model, Onnx, RunOptions.Worker };
        command.SetAction((parsed, cancellation) => WorkerTool.RunAsync(
            RunOptions.FindServices(parsed),
            ToolNames.Export,
            new ExportRequest(RunFolder.ModelAt(parsed.GetValue(Model)!), Path.GetFullPath(parsed.GetValue(Onnx)!)).ToJson(),
            cancellation));
        return command;
    }
}
