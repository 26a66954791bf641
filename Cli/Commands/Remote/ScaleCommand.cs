using System.CommandLine;
using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep scale N|auto</c>: how many workers there shall be.</summary>
internal static class ScaleCommand
{
    private const string Auto = "auto";

    private static readonly Argument<string> Workers = new("workers") { HelpName = "N|auto", Description = "How many workers there shall be; auto: as the scheduler's policy decides." };

    public static Command Create() => new Command("scale", "Say how many workers there shall be.") { Workers }.WithScheduler(async (scheduler, parsed, cancellation) =>
    {
        DesiredWorkers desired = await scheduler.ScaleAsync(Parse(parsed.GetValue(Workers)!), cancellation);
        await Console.Out.WriteLineAsync($"{Amount.Of(desired.Desired, "worker")}: {desired.Reason}");
        return ExitCodes.Done;
    });

    private static int? Parse(string text) =>
        text == Auto ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int workers) ? workers
        : throw new InputException("workers", 0, $"'{text}' is no number of workers.", $"Write 0 or more, or {Auto}.");
}
