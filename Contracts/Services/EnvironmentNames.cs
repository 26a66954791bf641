namespace Lockstep.Contracts.Services;

/// <summary>The environment that every launcher sets (Aspire, the embedded engine, Kubernetes, Container Apps): a service does not know who started it.</summary>
public static class EnvironmentNames
{
    public const string RedisConnection = "ConnectionStrings__redis";
    public const string SchedulerHttp = "services__scheduler__http__0";
    public const string SchedulerGrpc = "services__scheduler__grpc__0";
    public const string OtlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    public const string OtelServiceName = "OTEL_SERVICE_NAME";
    public const string OtelResourceAttributes = "OTEL_RESOURCE_ATTRIBUTES";

    /// <summary>What carries a worker's streams: auto, shared or grpc.</summary>
    public const string Transport = "LOCKSTEP_TRANSPORT";

    /// <summary>Where parameter servers make the sockets for workers of the same host.</summary>
    public const string SocketFolder = "LOCKSTEP_SOCKET_FOLDER";

    /// <summary>Process id of the launcher; the service stops when that process is gone. Unset: nobody is watched.</summary>
    public const string ParentProcess = "LOCKSTEP_PARENT_PID";
    /// <summary>Index of a parameter server among its peers.</summary>
    public const string ShardIndex = "LOCKSTEP_SHARD_INDEX";
    /// <summary>Name of a worker; default: host name and process id.</summary>
    public const string WorkerId = "LOCKSTEP_WORKER_ID";

    /// <summary>Shared secret of the services: it authenticates the gRPC calls between them. The launcher makes it.</summary>
    public const string Secret = "LOCKSTEP_SECRET";

    /// <summary>Password of the embedded Redis, for the process that serves it: its launcher makes it, and gives it to the clients in <see cref="RedisConnection"/>.</summary>
    public const string RedisPassword = "LOCKSTEP_REDIS_PASSWORD";

    /// <summary>Key that the scheduler's HTTP API asks of everybody who does not call over loopback.</summary>
    public const string ApiKey = "LOCKSTEP_API_KEY";

    /// <summary><c>fixed</c>: every job may have all the workers there are; else the scheduler's policy decides.</summary>
    public const string Scaling = "LOCKSTEP_SCALING";

    /// <summary>The most workers that the policy asks for; default: no limit but the jobs' own.</summary>
    public const string MaximumWorkers = "LOCKSTEP_MAX_WORKERS";

    /// <summary>A Redis that is there, for the command line and the embedded engine, as <c>--redis</c> names it: here its password is nobody else's to see.</summary>
    public const string Redis = "LOCKSTEP_REDIS";

    /// <summary>Address of the scheduler that the command line talks to.</summary>
    public const string Scheduler = "LOCKSTEP_SCHEDULER";

    /// <summary>Folders and files that submitted jobs may name as data, with the system's path separator between them.</summary>
    public const string DataRoots = "LOCKSTEP_DATA_ROOTS";

    /// <summary>Folder that holds the runs of submitted jobs.</summary>
    public const string RunsRoot = "LOCKSTEP_RUNS_ROOT";

    /// <summary>Folder in which workers keep data as rows, for all runs; default: <c>lockstep</c> in the user's folder for caches, or else each run's own.</summary>
    public const string DataCache = "LOCKSTEP_CACHE";

    /// <summary>Gigabytes that the data of <see cref="DataCache"/> may take; default: 100, and never more than half of its disk.</summary>
    public const string DataCacheLimit = "LOCKSTEP_CACHE_LIMIT";

    /// <summary>Name of the job queue, where several schedulers share one Redis; default: the one queue there is.</summary>
    public const string Queue = "LOCKSTEP_QUEUE";

    /// <summary>Every so many steps one is traced through all processes, which must be told the same; 0: none. Default: 100.</summary>
    public const string TraceEvery = "LOCKSTEP_TRACE_EVERY";

    /// <summary>Seconds after which a piece of work that does not end counts as hung: /alive fails then. Default: 600.</summary>
    public const string HangTimeout = "LOCKSTEP_HANG_TIMEOUT";

    /// <summary>Seconds of silence after which the scheduler asks a worker for a sign of life; one that gives none within another 3 s is gone. Default: 2.</summary>
    public const string Heartbeat = "LOCKSTEP_HEARTBEAT";

    /// <summary>Seconds that the processes which a command starts may take until all are ready, however they get on. Default: 600.</summary>
    public const string StartLimit = "LOCKSTEP_START_LIMIT";

    /// <summary>Folder through which <c>lockstep chaos</c> tells processes which faults they shall meet; unset: none.</summary>
    public const string Faults = "LOCKSTEP_FAULTS";

    /// <summary>The gRPC address of one shard.</summary>
    public static string ShardGrpc(int shard) => $"services__ps-{shard}__grpc__0";
}
