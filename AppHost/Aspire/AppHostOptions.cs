using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;

namespace Lockstep.AppHost;

/// <summary>Where Redis comes from: a process of the engine's own, a container, or one that is there.</summary>
internal enum RedisKind { Garnet, Redis, External }

/// <summary>What the application is published for.</summary>
internal enum PublishPlatform { ContainerApps, Kubernetes, Compose }

/// <summary>What the application consists of: of the command line, such as <c>--workers-max 8</c>, the environment or the settings.</summary>
internal sealed record AppHostOptions
{
    public const string RedisKey = "redis";
    public const string RedisTlsKey = "redis-tls";
    public const string PortKey = "port";
    public const string TargetKey = "target";
    public const string ShardsKey = "ps-shards";
    public const string MinWorkersKey = "workers-min";
    public const string MaxWorkersKey = "workers-max";
    public const string WorkerKey = "worker";
    public const string JobKey = "job";
    public const string RunKey = "run";

    /// <summary>A resource for each worker that may ever run is made at the start.</summary>
    private const int MostWorkers = 64;
    private const int MostShards = 64;

    /// <summary>Aspire's name for <c>--step</c>.</summary>
    private const string StepKey = "Pipeline:Step";

    /// <summary>Aspire's name for <c>--list-steps</c>.</summary>
    private const string ListKey = "Pipeline:ListSteps";

    private const int UsualPort = 5080;

    /// <summary>Steps that need no platform: the manifest's, and those that publish nothing.</summary>
    private static readonly string[] StepsWithoutPlatform = ["publish-manifest", "diagnostics", TrainingSteps.Train, TrainingSteps.Verify];

    /// <value>Default: a process of the engine's own; published a container, for Container Apps one from outside, since their scaler does not reach one inside.</value>
    public required RedisKind Redis { get; init; }
    /// <value>Whether a Redis from outside is reached over TLS. Default: true.</value>
    public required bool RedisTls { get; init; }
    /// <value>Port of the scheduler's HTTP API; 0: any free one. Default: 5080. In run mode only.</value>
    public required int Port { get; init; }
    /// <value>Published is the model alone, for a deployment tool of its own, such as azd, or nothing at all.</value>
    public required bool IsManifestOnly { get; init; }
    /// <value>Default: Container Apps. Used when the application is published for a platform.</value>
    public required PublishPlatform Platform { get; init; }
    /// <value>Parameter servers. Default: 2.</value>
    public required int Shards { get; init; }
    /// <value>Workers that are kept when there is nothing to do. Default: 1.</value>
    public required int MinWorkers { get; init; }
    /// <value>Most workers there ever are. Default: 4.</value>
    public required int MaxWorkers { get; init; }

    /// <value>The assembly of a worker program with models and data sources of its own; null: the product's. In run mode only.</value>
    public string? Worker { get; init; }

    /// <summary>Reads the options; what is wrong is written down.</summary>
    /// <param name="publishing">The application is published, not run.</param>
    /// <returns>False: something is wrong.</returns>
    public static bool TryRead(IConfiguration configuration, bool publishing, TextWriter errors, [NotNullWhen(true)] out AppHostOptions? options)
    {
        try
        {
            options = Read(configuration, publishing);
            return true;
        }
        catch (InputException exception)
        {
            errors.WriteLine(exception.Message);
            options = null;
            return false;
        }
    }

    /// <exception cref="InputException">Something is wrong: all of it at once.</exception>
    public static AppHostOptions Read(IConfiguration configuration, bool publishing)
    {
        var errors = new List<InputError>();
        PublishPlatform platform = Choice(configuration, TargetKey, PublishPlatform.ContainerApps, errors);
        int shards = Number(Parameter(configuration, ShardsKey), ShardsKey, 2, 1, MostShards, errors);
        int most = Number(configuration[MaxWorkersKey], MaxWorkersKey, 4, 1, MostWorkers, errors);
        int least = Number(configuration[MinWorkersKey], MinWorkersKey, Math.Min(1, most), 0, MostWorkers, errors);
        if (least > most)
        {
            errors.Add(new($"--{MinWorkersKey}", 0, $"{least} is more than --{MaxWorkersKey}, which is {most}.", $"Give at most {most}, or raise --{MaxWorkersKey}."));
        }

        var options = new AppHostOptions
        {
            Platform = platform,
            IsManifestOnly = publishing && (StepsWithoutPlatform.Contains(configuration[StepKey]) || configuration[ListKey] is not null),
            Port = publishing ? UsualPort : Number(configuration[PortKey], PortKey, UsualPort, 0, ushort.MaxValue, errors),
            Redis = Choice(configuration, RedisKey, !publishing ? RedisKind.Garnet : platform == PublishPlatform.ContainerApps ? RedisKind.External : RedisKind.Redis, errors),
            RedisTls = Flag(Parameter(configuration, RedisTlsKey), RedisTlsKey, true, errors),
            Shards = shards,
            MinWorkers = least,
            MaxWorkers = most,
            Worker = publishing ? null : Program(configuration[WorkerKey], errors),
        };
        if (publishing)
        {
            CheckPublished(options, configuration[StepKey] ?? "publish", errors);
        }
        else if (options.Redis == RedisKind.External && string.IsNullOrWhiteSpace(configuration.GetConnectionString(RedisKey)))
        {
            errors.Add(new($"--{RedisKey}", 0, "It is not said where the external Redis is.", $"Set ConnectionStrings__{RedisKey} in the environment, or ConnectionStrings:{RedisKey} in the user's secrets, to host:port, and ,password=… where it has one."));
        }

        return errors.Count == 0 ? options : throw new InputException([.. errors]);
    }

    private static void CheckPublished(AppHostOptions options, string step, List<InputError> errors)
    {
        if (options.Redis == RedisKind.Garnet)
        {
            errors.Add(new($"--{RedisKey}", 0, $"'{Word(RedisKind.Garnet)}' is a process on this machine and cannot be published.", $"Give {Word(RedisKind.Redis)} or {Word(RedisKind.External)}."));
        }

        if (!options.IsManifestOnly && PublishTarget.Platforms is null)
        {
            errors.Add(new($"--{TargetKey}", 0, $"This build is without Aspire's packages for deployment: the step '{step}' would write nothing for {Word(options.Platform)}.", $"Build with them (dotnet run --project AppHost -p:Deploy=true -- …), or publish the manifest alone with --step {StepsWithoutPlatform[0]}."));
        }
    }

    /// <summary>Aspire reads the values of parameters under Parameters.</summary>
    private static string? Parameter(IConfiguration configuration, string key) => configuration[key] ?? configuration[$"Parameters:{key}"];

    /// <summary>How a value is written on the command line: <c>container-apps</c>.</summary>
    private static string Word<T>(T value) where T : struct, Enum =>
        string.Concat(value.ToString().Select((letter, index) => index > 0 && char.IsUpper(letter) ? $"-{letter}" : $"{letter}")).ToLowerInvariant();

    private static string? Program(string? path, List<InputError> errors)
    {
        try
        {
            return string.IsNullOrEmpty(path) ? null : WorkerProgram.Find(path, $"--{WorkerKey}");
        }
        catch (InputException exception)
        {
            errors.AddRange(exception.Errors);
            return null;
        }
    }

    private static T Choice<T>(IConfiguration configuration, string key, T byDefault, List<InputError> errors) where T : struct, Enum
    {
        if (configuration[key] is not { Length: > 0 } text)
        {
            return byDefault;
        }

        foreach (T value in Enum.GetValues<T>())
        {
            if (Word(value) == text)
            {
                return value;
            }
        }

        errors.Add(new($"--{key}", 0, $"'{text}' is none of its values.", $"Give one of: {string.Join(", ", Enum.GetValues<T>().Select(Word))}."));
        return byDefault;
    }

    private static bool Flag(string? text, string key, bool byDefault, List<InputError> errors)
    {
        if (string.IsNullOrEmpty(text))
        {
            return byDefault;
        }

        if (bool.TryParse(text, out bool flag))
        {
            return flag;
        }

        errors.Add(new($"--{key}", 0, $"'{text}' is neither true nor false.", "Give one of them."));
        return byDefault;
    }

    private static int Number(string? text, string key, int byDefault, int least, int most, List<InputError> errors)
    {
        if (string.IsNullOrEmpty(text))
        {
            return byDefault;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most)
        {
            return number;
        }

        errors.Add(new($"--{key}", 0, $"'{text}' is no number from {least} to {most}.", $"Give a whole number from {least} to {most}."));
        return byDefault;
    }
}
