using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lockstep.Cli.Views;
using Lockstep.Engine.Runs;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep runs [FOLDER]</c>: the runs of a folder, the newest last.</summary>
internal static class RunsCommand
{
    private static readonly JsonSerializerOptions Layout = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private static readonly Argument<string?> Folder = new("folder") { HelpName = "FOLDER", Description = $"Of runs; default: {RunListing.UsualFolder}.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<bool> Json = new("--json") { Description = "Write them as JSON." };

    public static Command Create()
    {
        var command = new Command("runs", "List the runs of a folder: state, steps, time, loss, metrics.") { Folder, Json };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        string? named = parsed.GetValue(Folder);
        IReadOnlyList<ListedRun> runs = named is null && !Directory.Exists(RunListing.UsualFolder) ? [] : RunListing.Read(named ?? RunListing.UsualFolder);
        if (parsed.GetValue(Json))
        {
            await Console.Out.WriteLineAsync(JsonSerializer.Serialize(runs, Layout));
            return ExitCodes.Done;
        }

        if (runs.Count == 0)
        {
            await Console.Out.WriteLineAsync($"There is no run in {named ?? RunListing.UsualFolder}.");
            return ExitCodes.Done;
        }

        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        await Columns.WriteAsync(Console.Out, ["RUN", "STATE", "STEPS", "TIME", "LOSS", "VALIDATION"], runs.Select(run => Cells(run, now)));
        return ExitCodes.Done;
    }

    private static string[] Cells(ListedRun run, DateTimeOffset now) =>
    [
        run.Run,
        run.State,
        run.Steps.ToString(CultureInfo.InvariantCulture),
        run.Seconds is { } seconds ? Texts.Of(TimeSpan.FromSeconds(seconds)) : $"{Texts.Of(now - run.Written)} ago",
        run.Loss is { } loss ? Texts.Of(loss) : "",
        run.Error?.Split('\n')[0] ?? (run.Validation.Count > 0 ? Texts.Of(run.Validation) : ""),
    ];
}
