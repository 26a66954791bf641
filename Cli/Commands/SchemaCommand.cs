using System.CommandLine;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep schema</c>: the JSON Schema of job files, for editors.</summary>
internal static class SchemaCommand
{
    private static readonly Option<bool> Markdown = new("--markdown") { Description = "Print the keys as tables instead." };

    public static Command Create()
    {
        var command = new Command("schema", "Print the JSON Schema of job files.") { Markdown };
        command.SetAction(async (parsed, _) =>
        {
            await Console.Out.WriteLineAsync(parsed.GetValue(Markdown) ? JobReference.Markdown() : JobSchema.Json());
            return ExitCodes.Done;
        });
        return command;
    }
}
