using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Lockstep.Cli.Commands;
using Lockstep.Contracts;
using Lockstep.Engine.Processes;

namespace Lockstep.Cli;

/// <summary>Runs a command line, and turns what goes wrong into a message and an exit code.</summary>
internal static partial class CommandRunner
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
                await Console.Error.WriteLineAsync(Secrets.Hide(Plain(error.Message)));
            }

            await Console.Error.WriteLineAsync($"See 'lockstep {parsed.CommandResult.Command.Name switch { "lockstep" => "", var name => name + " " }}--help'.");
            return ExitCodes.BadInput;
        }

        try
        {
            if (parsed.CommandResult.Command.Name == RedisServerCommand.Name)
            {
                return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
            }

            using var closed = new CancellationTokenSource();
            using PosixSignalRegistration hangUp = ClosedTerminal.Watch(closed.Cancel);
            return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = StopTimeout, EnableDefaultExceptionHandler = false }, closed.Token);
        }
        catch (InputException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCodes.BadInput;
        }
        catch (ToolRefusal)
        {
            return ExitCodes.BadInput;
        }
        catch (FleetException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return ExitCodes.Failed;
        }
        catch (HttpRequestException exception)
        {
            await Console.Error.WriteLineAsync(Secrets.Hide(exception.Message));
            return ExitCodes.Failed;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
    }

    /// <summary>The parser's own text names a type of .NET.</summary>
    private static string Plain(string message)
    {
        Match unread = Unread().Match(message);
        if (!unread.Success)
        {
            return message;
        }

        string wanted = unread.Groups["type"].Value switch
        {
            var type when type.Contains("Double", StringComparison.Ordinal) => "a number, such as 2.5",
            var type when type.Contains("UInt", StringComparison.Ordinal) => "a whole number, 0 or more",
            var type when type.Contains("Int", StringComparison.Ordinal) => "a whole number",
            _ => "another value",
        };
        return $"{unread.Groups["name"].Value}: '{unread.Groups["value"].Value}' cannot be. Give {wanted}.";
    }

    [GeneratedRegex("""^Cannot parse argument '(?<value>.*)' for (option|command) '(?<name>[^']*)' as expected type '(?<type>[^']*)'""", RegexOptions.ExplicitCapture | RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Unread();
}
