using System.CommandLine;
using Lockstep.Cli.Commands;
using Lockstep.Contracts;
using Lockstep.Engine.Processes;

namespace Lockstep.Cli;

/// <summary>Runs a command line, and turns what goes wrong into a message and an exit code.</summary>
internal static class CommandRunner
{
    /// <summary>How long a command may take to stop its processes after Ctrl-C.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(20);

    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            await Console.Error.WriteLineAsync($"See 'lockstep {parsed.CommandResult.Command.Name switch { "lockstep" => "", var name => name + " " }}--help'.");
            return ExitCodes.BadInput;
        }

        try
        {
            TimeSpan? patience = parsed.CommandResult.Command.Name == RedisServerCommand.Name ? null : StopTimeout;
            return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = patience, EnableDefaultExceptionHandler = false });
        }
        catch (InputException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCodes.BadInput;
        }
        catch (FleetException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCodes.Failed;
        }
        catch (HttpRequestException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
    }
}
