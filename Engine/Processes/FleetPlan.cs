using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Lockstep.Contracts.Services;

namespace Lockstep.Engine.Processes;

/// <summary>The processes of a fleet with their ports and environments, before any is started. Every service finds what Aspire would tell it.</summary>
internal sealed class FleetPlan
{
    public const string RedisName = "redis";
    public const string SchedulerName = "scheduler";
    private const string ShardPrefix = "ps-";
    private const string Http = "http";
    private const string Grpc = "grpc";

    private readonly FleetOptions _options;
    private readonly Dictionary<string, string> _shared;
    // Two fleets that report to one collector are told apart.
    private readonly string _instance;

    public FleetPlan(FleetOptions options)
    {
        _options = options;
        _instance = options.Queue.Length > 0 ? options.Queue : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        // In order: Redis, the scheduler's two, two a shard.
        var ports = new Queue<int>(FreePorts.Take(3 + (2 * options.Shards)));
        int redisPort = ports.Dequeue();
        string redisPassword = SharedKeys.New();
        RedisConnection = options.Redis ?? $"127.0.0.1:{redisPort},password={redisPassword}";
        Endpoint[] scheduler = [new(Http, options.SchedulerPort ?? ports.Dequeue()), new(Grpc, ports.Dequeue())];
        Endpoint[][] shards = [.. Enumerable.Range(0, options.Shards).Select(_ => new Endpoint[] { new(Http, ports.Dequeue()), new(Grpc, ports.Dequeue()) })];
        Scheduler = scheduler[0].Address;
        Shards = [.. shards.Select(endpoints => endpoints[1].Address)];
        Secret = SharedKeys.New();
        _shared = new(options.Environment, StringComparer.Ordinal)
        {
            [EnvironmentNames.SchedulerHttp] = scheduler[0].Address.OriginalString,
            [EnvironmentNames.SchedulerGrpc] = scheduler[1].Address.OriginalString,
            [EnvironmentNames.Queue] = options.Queue,
            [EnvironmentNames.Scaling] = options.AutoScale ? "auto" : "fixed",
            [EnvironmentNames.Secret] = Secret,
            // Empty rather than that of this process, which may be another scheduler's.
            [EnvironmentNames.ApiKey] = options.ApiKey ?? "",
            [EnvironmentNames.ParentProcess] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
        };
        for (int shard = 0; shard < shards.Length; shard++)
        {
            _shared[EnvironmentNames.ShardGrpc(shard)] = shards[shard][1].Address.OriginalString;
        }

        var processes = new List<PlannedProcess>();
        if (options.Redis is null)
        {
            // Of the secrets it needs its own only.
            Dictionary<string, string> environment = new(options.Environment, StringComparer.Ordinal) { [EnvironmentNames.RedisPassword] = redisPassword, [EnvironmentNames.ApiKey] = "", [EnvironmentNames.ParentProcess] = _shared[EnvironmentNames.ParentProcess] };
            string port = redisPort.ToString(CultureInfo.InvariantCulture);
            processes.Add(new PlannedProcess(RedisName, DotnetHost.Start(options.RedisServerAssembly, ["redis-server", "--port", port], environment), new Uri($"{Readiness.Redis}://127.0.0.1:{port}")));
        }

        processes.Add(Service(Services.Scheduler, SchedulerName, scheduler, (EnvironmentNames.RedisConnection, RedisConnection)));
        for (int shard = 0; shard < shards.Length; shard++)
        {
            processes.Add(Service(Services.ParameterServer, ShardName(shard), shards[shard], (EnvironmentNames.ShardIndex, shard.ToString(CultureInfo.InvariantCulture))));
        }

        Processes = processes;
    }

    public string RedisConnection { get; }
    public Uri Scheduler { get; }
    public IReadOnlyList<Uri> Shards { get; }
    public string Secret { get; }

    /// <value>All but the workers, in order of starting; Redis first where one is started.</value>
    public IReadOnlyList<PlannedProcess> Processes { get; }

    /// <summary>One worker, on a port of its own.</summary>
    /// <param name="number">From 1.</param>
    public PlannedProcess Worker(int number)
    {
        string name = WorkerName(number);
        return Service(Services.Worker, name, [new(Http, FreePorts.Take(1)[0])], (EnvironmentNames.WorkerId, name));
    }

    public static string WorkerName(int number) => string.Create(CultureInfo.InvariantCulture, $"worker-{number}");

    public static string ShardName(int shard) => string.Create(CultureInfo.InvariantCulture, $"{ShardPrefix}{shard}");

    public static bool IsShard(string name) => name.StartsWith(ShardPrefix, StringComparison.Ordinal);

    private PlannedProcess Service(string service, string name, Endpoint[] endpoints, params (string Name, string Value)[] own)
    {
        var environment = new Dictionary<string, string>(_shared, StringComparer.Ordinal)
        {
            [EnvironmentNames.OtelServiceName] = name,
            [EnvironmentNames.OtelResourceAttributes] = $"service.instance.id={_instance}-{name}",
        };
        foreach (Endpoint endpoint in endpoints)
        {
            environment[$"Kestrel__Endpoints__{endpoint.Name}__Url"] = endpoint.Address.OriginalString;
            // Without TLS the protocol cannot be negotiated.
            environment[$"Kestrel__Endpoints__{endpoint.Name}__Protocols"] = endpoint.Name == Grpc ? "Http2" : "Http1";
        }

        foreach ((string key, string value) in own)
        {
            environment[key] = value;
        }

        return new PlannedProcess(name, DotnetHost.Start(_options.Services.PathOf(service), [], environment), new Uri(endpoints[0].Address, SchedulerRoutes.Health));
    }

    private sealed record Endpoint(string Name, int Port)
    {
        public Uri Address { get; } = new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}"));
    }
}

/// <param name="Health">Where <see cref="Readiness"/> asks whether the process is ready.</param>
internal sealed record PlannedProcess(string Name, ProcessStartInfo Start, Uri Health);
