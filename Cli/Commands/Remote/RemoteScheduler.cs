using System.CommandLine;
using System.CommandLine.Parsing;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Client;

namespace Lockstep.Cli.Commands.Remote;

/// <summary>The scheduler that a command talks to, here or elsewhere.</summary>
internal static class RemoteScheduler
{
    /// <summary>Where <c>lockstep up</c> and the application host have their scheduler.</summary>
    private const string Default = "http://127.0.0.1:5080";

    private static readonly Option<string?> Address = new("--scheduler") { HelpName = "URL", Description = $"The scheduler; default: {EnvironmentNames.Scheduler}, else {Default}." };
    private static readonly Option<string?> ApiKey = new("--api-key") { HelpName = "KEY", Description = $"Its API key, where it asks for one; default: {EnvironmentNames.ApiKey}." };

    /// <summary>A command with the options that say which scheduler, and an action that is given it.</summary>
    public static Command WithScheduler(this Command command, Func<SchedulerClient, ParseResult, CancellationToken, Task<int>> action)
    {
        command.Add(Address);
        command.Add(ApiKey);
        command.SetAction((parsed, cancellation) => RunAsync(parsed, action, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, Func<SchedulerClient, ParseResult, CancellationToken, Task<int>> action, CancellationToken cancellation)
    {
        Uri address = AddressOf(parsed);
        using var scheduler = new SchedulerClient(address, TimeProvider.System, parsed.GetValue(ApiKey) ?? Environment.GetEnvironmentVariable(EnvironmentNames.ApiKey));
        try
        {
            return await action(scheduler, parsed, cancellation);
        }
        catch (HttpRequestException exception) when (exception.StatusCode is null)
        {
            throw new InputException(address.OriginalString, 0, $"The scheduler cannot be reached: {exception.Message.TrimEnd('.')}.", $"Start one (lockstep up), or name another with --scheduler or {EnvironmentNames.Scheduler}.");
        }
    }

    private static Uri AddressOf(ParseResult parsed)
    {
        string? option = parsed.GetValue(Address);
        string text = option ?? (Environment.GetEnvironmentVariable(EnvironmentNames.Scheduler) is { Length: > 0 } set ? set : Default);
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? address
            : throw new InputException(option is null ? EnvironmentNames.Scheduler : Address.Name, 0, $"'{Secrets.Hide(text)}' is no address of a scheduler.", $"Write it as {Default}.");
    }
}
