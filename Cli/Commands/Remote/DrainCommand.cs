using System.CommandLine;

namespace Lockstep.Cli.Commands.Remote;

/// <summary><c>lockstep drain WORKER</c>: before its machine is taken away.</summary>
internal static class DrainCommand
{
    private static readonly Argument<string> Worker = new("worker") { HelpName = "WORKER", Description = "Such as worker-1." };

    public static Command Create() => new Command("drain", "Let a worker hand in what it has in hand, and end.") { Worker }.WithScheduler(async (scheduler, parsed, cancellation) =>
    {
        string worker = parsed.GetValue(Worker)!;
        await scheduler.DrainAsync(worker, cancellation);
        await Console.Out.WriteLineAsync($"{worker} was asked to leave");
        return ExitCodes.Done;
    });
}
