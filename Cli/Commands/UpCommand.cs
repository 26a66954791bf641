using System.CommandLine;
using Lockstep.Contracts;
using Lockstep.Engine.Hosting;

namespace Lockstep.Cli.Commands;

/// <summary><c>lockstep up</c>: keeps a fleet up for jobs that are submitted to it.</summary>
internal static class UpCommand
{
    private const int MostShards = 256;
    private const int MostWorkers = 1000;
    private const int LastPort = 65_535;

    private static readonly Option<int> Port = new("--port") { HelpName = "N", Description = "Port of the scheduler's HTTP API.", DefaultValueFactory = _ => 5080 };
    private static readonly Option<int> Shards = new("--ps-shards") { HelpName = "N", Description = "Parameter servers.", DefaultValueFactory = _ => 2 };
    private static readonly Option<int> Least = new("--workers-min") { HelpName = "N", Description = "Workers that are kept when there is nothing to do.", DefaultValueFactory = _ => 0 };
    private static readonly Option<int> Most = new("--workers-max") { HelpName = "N", Description = "The most workers; default: one a core, four at least.", DefaultValueFactory = _ => Math.Max(4, Environment.ProcessorCount) };
    private static readonly Option<string> Runs = new("--runs") { HelpName = "DIR", Description = "Folder of runs and logs.", DefaultValueFactory = _ => "runs" };
    private static readonly Option<string> Data = new("--data") { HelpName = "DIRS", Description = "Folders of data that jobs may name, with the system's path separator between them; default: the current one.", DefaultValueFactory = _ => "." };

    public static Command Create()
    {
        var command = new Command("up", "Keep scheduler, parameter servers and Redis up here for submitted jobs, with as many workers as they want, until Ctrl-C.") { Port, Shards, Least, Most, RunOptions.Worker, RunOptions.Redis, RunOptions.Otlp, RunOptions.StartLimit, Runs, Data };
        command.SetAction(async (parsed, cancellation) =>
        {
            await EmbeddedHost.RunAsync(Options(parsed), TimeProvider.System, cancellation);
            return ExitCodes.Done;
        });
        return command;
    }

    /// <exception cref="InputException">Numbers that cannot be; all of them at once.</exception>
    private static EmbeddedHostOptions Options(ParseResult parsed)
    {
        var errors = new List<InputError>();
        int least = Number(Least, 0, MostWorkers);
        int most = Number(Most, 1, MostWorkers);
        if (least > most)
        {
            errors.Add(new(Least.Name, 0, $"{least} is more than the most workers, {most}.", $"Give fewer, or raise {Most.Name}."));
        }

        Uri? otlp = null;
        try
        {
            otlp = RunOptions.ReadOtlp(parsed);
        }
        catch (InputException exception)
        {
            errors.AddRange(exception.Errors);
        }

        var options = new EmbeddedHostOptions
        {
            Port = Number(Port, 1, LastPort),
            Shards = Number(Shards, 1, MostShards),
            MinimumWorkers = least,
            MaximumWorkers = most,
            Worker = parsed.GetValue(RunOptions.Worker),
            Redis = parsed.GetValue(RunOptions.Redis),
            Otlp = otlp,
            StartLimit = RunOptions.ReadStartLimit(parsed),
            Runs = parsed.GetValue(Runs)!,
            Data = parsed.GetValue(Data)!,
            RedisServerAssembly = typeof(UpCommand).Assembly.Location,
        };
        return errors.Count == 0 ? options : throw new InputException(errors);

        int Number(Option<int> option, int from, int to)
        {
            int value = parsed.GetValue(option);
            if (value < from || value > to)
            {
                errors.Add(new(option.Name, 0, $"{value} is no whole number from {from} to {to}.", "Give one."));
            }

            return value;
        }
    }
}
