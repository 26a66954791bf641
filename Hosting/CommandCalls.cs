using Lockstep.Contracts;
using Lockstep.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Hosting;

/// <summary>A command is a call of the scheduler; what it answers is what the person is told.</summary>
internal static class CommandCalls
{
    /// <param name="call">Says what came of it.</param>
    public static async Task<ExecuteCommandResult> CallAsync(ExecuteCommandContext context, Func<SchedulerClient, CancellationToken, Task<string>> call)
    {
        try
        {
            return CommandResults.Success(await call(await context.Services.GetRequiredService<SchedulerAccess>().ClientAsync(context.CancellationToken), context.CancellationToken));
        }
        catch (Exception exception) when (exception is InputException or HttpRequestException)
        {
            return CommandResults.Failure(exception.Message);
        }
    }

    /// <summary>A choice among what there is when the command is called; another word is taken too, and refused by the scheduler where it must be.</summary>
    public static InteractionInput Choice(string name, string label, Func<Contracts.Services.FleetStatus, IEnumerable<string>> options) => new()
    {
        Name = name,
        Label = label,
        InputType = InputType.Choice,
        Required = true,
        AllowCustomChoice = true,
        DynamicLoading = new InputLoadOptions
        {
            AlwaysLoadOnStart = true,
            LoadCallback = context =>
            {
                context.Input.Options = [.. context.Services.GetRequiredService<FleetWatch>().Now.Fleet is { } fleet ? options(fleet).Select(id => KeyValuePair.Create(id, id)) : []];
                return Task.CompletedTask;
            },
        },
    };
}
