using System.CommandLine;
using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Data;
using Lockstep.Engine.Processes;

namespace Lockstep.Cli.Commands;

/// <summary>Options of the commands that start processes of their own.</summary>
internal static class RunOptions
{
    private const int MostWorkers = 1000;

    public static readonly Option<int?> Workers = new("--workers") { HelpName = "N", Description = "Worker processes; default: 2, and 3 for chaos." };
    public static readonly Option<string?> Worker = new("--worker") { HelpName = "PATH", Description = "A worker program of your own, with models and data sources: its assembly, or the project that it was built in; default: as LOCKSTEP_WORKER says, or the product's." };
    public static readonly Option<int?> Shards = new("--shards") { HelpName = "P", Description = "Parameter servers; default: as the job says." };
    public static readonly Option<string?> Output = new("--output") { HelpName = "DIR", Description = "Folder of the run; default: runs/NAME-TIME." };
    public static readonly Option<bool> Strict = new("--strict") { Description = "Take warnings of the data and the model for errors." };
    public static readonly Option<string[]> Set = new("--set") { HelpName = "key=value", Description = "Overrides a value of the job, such as optimizer.learningRate=0.01.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };

    public static readonly Option<string?> Redis = new("--redis") { HelpName = "CONNECTION", Description = $"A Redis that is there, as host:port,password=… or @FILE that has this; default: that of {EnvironmentNames.Redis}, or one is started." };
    public static readonly Option<string?> Otlp = new("--otlp") { HelpName = "URL", Description = "Sends metrics, traces and logs there, such as http://127.0.0.1:4317 of a dashboard; default: as OTEL_EXPORTER_OTLP_ENDPOINT says." };

    public static readonly Option<string?> Transport = new("--transport") { HelpName = "auto|shared|grpc", Description = "What carries the streams between workers and parameter servers; default: as LOCKSTEP_TRANSPORT says, else auto: shared memory where it can be had." };

    public static readonly Option<int?> StartLimit = new("--start-limit") { HelpName = "SECONDS", Description = "How long the processes may take until all are ready, however they get on; default: as LOCKSTEP_START_LIMIT says, else 600." };

    /// <returns>Environment of the processes that are started.</returns>
    /// <exception cref="InputException">There is no such transport.</exception>
    public static Dictionary<string, string> ReadTransport(ParseResult parsed) => parsed.GetValue(Transport) switch
    {
        null => [],
        { } transport when transport is "auto" or "shared" or "grpc" => new Dictionary<string, string> { [EnvironmentNames.Transport] = transport },
        { } other => throw new InputException(Transport.Name, 0, $"'{other}' is no transport.", "Give auto, shared or grpc."),
    };

    /// <exception cref="InputException">The services or the worker program are nowhere.</exception>
    public static ServiceLocator FindServices(ParseResult parsed) => ServiceLocator.FromEnvironment(parsed.GetValue(Worker), Worker.Name);

    /// <exception cref="InputException">It is no length of time.</exception>
    public static TimeSpan ReadStartLimit(ParseResult parsed) => parsed.GetValue(StartLimit) switch
    {
        null => Engine.Processes.StartLimit.FromEnvironment(),
        > 0 and { } seconds => TimeSpan.FromSeconds(seconds),
        { } seconds => throw new InputException(StartLimit.Name, 0, $"{seconds} s is no time to start in.", "Give a whole number above 0, or leave it out."),
    };

    /// <exception cref="InputException">It is no address.</exception>
    public static Uri? ReadOtlp(ParseResult parsed)
    {
        if (parsed.GetValue(Otlp) is not { } text)
        {
            return null;
        }

        return Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? address
            : throw new InputException(Otlp.Name, 0, $"'{Secrets.Hide(text)}' is no address.", "Give one such as http://127.0.0.1:4317.");
    }

    /// <exception cref="InputException">So many cannot be.</exception>
    public static int ReadWorkers(ParseResult parsed, int usual) => (parsed.GetValue(Workers) ?? usual) is var workers and >= 1 and <= MostWorkers
        ? workers
        : throw new InputException("--workers", 0, $"{parsed.GetValue(Workers)} workers cannot train.", $"Give 1 to {MostWorkers}.");

    /// <summary>Reads the job, and looks whether its data are there: no process is started for data that cannot be read.</summary>
    /// <exception cref="InputException">The job or its data cannot be read, or something in them is wrong.</exception>
    public static JobSpec ReadJob(ParseResult parsed, Argument<string> job)
    {
        string[] sets = parsed.GetValue(Set)!;
        string? shards = parsed.GetValue(Shards) is { } number ? string.Create(CultureInfo.InvariantCulture, $"shards={number}") : null;
        JobSpec read;
        try
        {
            read = JobFile.Load(parsed.GetValue(job)!, shards is null ? sets : [.. sets, shards]);
        }
        catch (InputException exception) when (shards is not null)
        {
            // What is wrong with the number is told of the option that gave it.
            throw new InputException([.. exception.Errors.Select(error => error.File == $"{Set.Name} {shards}" ? error with { File = Shards.Name } : error)]);
        }

        try
        {
            if (read.Data.Source is null)
            {
                DataSets.CheckBeginnings(read.Data);
            }
        }
        catch (InputException exception)
        {
            throw new InputException([.. exception.Errors.Select(error => error with { Remedy = $"{error.Remedy}{NamedBy(error.File)}" })]);
        }

        return read;

        string NamedBy(string file)
        {
            return read.Data.Files().FirstOrDefault(f => f.Path == file).Key is { } key && JobFile.PlaceOf(parsed.GetValue(job)!, sets, ["data", .. key.Split('.')]) is { } place ? $" The file is named by '{key}' at {place}." : "";
        }
    }
}
