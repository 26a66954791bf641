using System.Globalization;
using Lockstep.Contracts;

namespace Lockstep.Engine.Hosting;

/// <summary>What the embedded engine is started with.</summary>
public sealed record EmbeddedHostOptions
{
    /// <value>Port of the scheduler's HTTP API.</value>
    public int Port { get; init; } = 5080;
    /// <value>Parameter servers.</value>
    public int Shards { get; init; } = 2;
    /// <value>Workers that are kept when there is nothing to do.</value>
    public int MinimumWorkers { get; init; }
    /// <value>The most workers that are started; default: one a core, four at least.</value>
    public int MaximumWorkers { get; init; } = Math.Max(4, Environment.ProcessorCount);
    /// <value>Connection to a Redis that is there; null: one is started.</value>
    public string? Redis { get; init; }
    /// <value>Where telemetry goes over OTLP; null: nowhere.</value>
    public string? Otlp { get; init; }
    /// <value>Folder of runs and logs.</value>
    public string Runs { get; init; } = "runs";
    /// <value>Folders of data that submitted jobs may name, with the system's path separator between them; default: the current one.</value>
    public string Data { get; init; } = ".";

    private const string Garnet = "garnet";

    public static string Usage { get; } =
        """
        The embedded engine: scheduler, parameter servers, Redis and as many workers as the jobs want, as processes on this machine.
          --port N          port of the scheduler's HTTP API (5080)
          --ps-shards N     parameter servers (2)
          --workers-min N   workers that are kept when there is nothing to do (0)
          --workers-max N   the most workers (one a core, four at least)
          --redis CONN      a Redis that is there, as host:port,password=… (garnet: one is started)
          --otlp URL        sends telemetry there, such as http://127.0.0.1:4317 of a standalone dashboard
          --runs DIR        folder of runs and logs (runs)
          --data DIRS       folders of data that jobs may name, with the system's path separator between them (the current one)
        LOCKSTEP_API_KEY in the environment is asked of every request to the scheduler; without it, programs on this machine need none.
        """;

    /// <exception cref="InputException">An option is unknown, lacks its value, or has a bad one; all of them at once.</exception>
    public static EmbeddedHostOptions Parse(IReadOnlyList<string> arguments)
    {
        var errors = new List<InputError>();
        var options = new EmbeddedHostOptions();
        for (int i = 0; i < arguments.Count; i += 2)
        {
            string name = arguments[i];
            string? value = i + 1 < arguments.Count ? arguments[i + 1] : null;
            if (value is null && name.StartsWith("--", StringComparison.Ordinal))
            {
                errors.Add(new(name, 0, "The option has no value.", "Write it after the option."));
                break;
            }

            options = name switch
            {
                "--port" => options with { Port = Number(name, value!, 1, 65_535, errors) },
                "--ps-shards" => options with { Shards = Number(name, value!, 1, 256, errors) },
                "--workers-min" => options with { MinimumWorkers = Number(name, value!, 0, 1000, errors) },
                "--workers-max" => options with { MaximumWorkers = Number(name, value!, 1, 1000, errors) },
                // As the Aspire application is asked for it.
                "--redis" => options with { Redis = value is Garnet ? null : value },
                "--otlp" => options with { Otlp = Address(name, value!, errors) },
                "--runs" => options with { Runs = value! },
                "--data" => options with { Data = value! },
                _ => Unknown(name, options, errors),
            };
        }

        if (options.MinimumWorkers > options.MaximumWorkers)
        {
            errors.Add(new("--workers-min", 0, $"{options.MinimumWorkers} is more than the most workers, {options.MaximumWorkers}.", "Give fewer, or raise --workers-max."));
        }

        return errors.Count == 0 ? options : throw new InputException(errors);
    }

    private static int Number(string name, string text, int least, int most, List<InputError> errors)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most)
        {
            return value;
        }

        errors.Add(new(name, 0, $"'{text}' is no whole number from {least} to {most}.", "Give one."));
        return least;
    }

    private static string Address(string name, string text, List<InputError> errors)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
        {
            errors.Add(new(name, 0, $"'{text}' is no address.", "Give one such as http://127.0.0.1:4317."));
        }

        return text;
    }

    private static EmbeddedHostOptions Unknown(string name, EmbeddedHostOptions options, List<InputError> errors)
    {
        errors.Add(new(name, 0, "There is no such option.", "See --help."));
        return options;
    }
}
