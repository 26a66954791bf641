using System.CommandLine;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep schema</c>: the JSON Schema of job files, for editors.</summary>
internal static class SchemaCommand
{
    public static Command Create()
    {
        var command = new Command("schema", "Print the JSON Schema of job files.");
        command.SetAction(async (_, _) =>
        {
            await Console.Out.WriteLineAsync(JobSchema.Json());
            return ExitCodes.Done;
        });
        return command;
    }
}
