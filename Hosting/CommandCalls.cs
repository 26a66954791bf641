using Lockstep.Contracts;
using Lockstep.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.Hosting;

/// <summary>A command is a call of the scheduler; what it answers is what the person is told.</summary>
internal static class CommandCalls
{
    /// <param name="call">Says what came of it.</param>
    public static Task<ExecuteCommandResult> CallAsync(ExecuteCommandContext context, Func<SchedulerClient, CancellationToken, Task<string>> call) => CallAsync(context, call, Told);

    /// <param name="call">Gives what was asked for, as Markdown.</param>
    public static Task<ExecuteCommandResult> AnswerAsync(ExecuteCommandContext context, Func<SchedulerClient, CancellationToken, Task<string>> call) =>
        CallAsync(context, call, static answer => CommandResults.Success("The jobs", answer, CommandResultFormat.Markdown, displayImmediately: true));

    /// <summary>What a person reads in the dashboard; the command line of Aspire and its tools for agents hand on the data alone.</summary>
    public static ExecuteCommandResult Told(string said) => CommandResults.Success(said, said, CommandResultFormat.Text);

    private static async Task<ExecuteCommandResult> CallAsync(ExecuteCommandContext context, Func<SchedulerClient, CancellationToken, Task<string>> call, Func<string, ExecuteCommandResult> result)
    {
        try
        {
            return result(await call(await context.Services.GetRequiredService<SchedulerAccess>().ClientAsync(context.CancellationToken), context.CancellationToken));
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

    /// <summary>Of a command on a resource that answers.</summary>
    /// <param name="confirmation">Asked before; null: nothing is.</param>
    public static CommandOptions Options(string icon, string description, IReadOnlyList<InteractionInput> arguments, string? confirmation = null, Func<InputsDialogValidationContext, Task>? validate = null, bool isHighlighted = false) => new()
    {
        IconName = icon,
        Description = description,
        Arguments = arguments,
        ConfirmationMessage = confirmation,
        ValidateArguments = validate,
        IsHighlighted = isHighlighted,
        UpdateState = context => context.ResourceSnapshot is { State.Text: { } state, HealthStatus: HealthStatus.Healthy } && state == KnownResourceStates.Running ? ResourceCommandState.Enabled : ResourceCommandState.Disabled,
    };
}
