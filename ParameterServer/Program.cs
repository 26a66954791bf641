using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer;
using Lockstep.ParameterServer.Checkpoints;
using Lockstep.ParameterServer.Hosting;
using Lockstep.ParameterServer.Steps;
using Lockstep.ServiceDefaults;
using Lockstep.ServiceDefaults.Access;
using Lockstep.ServiceDefaults.Health;
using Lockstep.Transport;
using Lockstep.Transport.Grpc;
using Lockstep.Transport.Memory;

var builder = WebApplication.CreateBuilder(args);
int shard;
long memoryLimit;
int threads;
IShardPeer? first;
StreamTransport transport;
try
{
    builder.AddServiceDefaults();
    shard = Settings.ShardIndex(builder.Configuration);
    memoryLimit = Settings.MemoryLimit(builder.Configuration);
    threads = Settings.Threads(builder.Configuration);
    transport = StreamTransports.From(builder.Configuration);
    builder.AddAccessControl();
    first = shard == 0 ? null : ShardClients.Peer(builder.Configuration, 0, TimeProvider.System);
}
catch (InputException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

builder.Services.AddSingleton<ShardMetrics>();
// Where lockstep chaos asks for faults.
ArmedFaults? faults = builder.Configuration[EnvironmentNames.Faults] is { Length: > 0 } folder ? new ArmedFaults(new FaultFolder(folder), $"ps-{shard}", TimeProvider.System) { IsReady = true } : null;
builder.Services.AddSingleton(services => new ShardHost(
    shard,
    first,
    memoryLimit,
    services.GetRequiredService<TimeProvider>(),
    services.GetRequiredService<ShardMetrics>(),
    faults is null ? null : new FullDisk(CheckpointFiles.Disk, faults),
    threads,
    HeldSteps.From(builder.Configuration, shard, TimeProvider.System, services.GetRequiredService<IHostApplicationLifetime>()),
    transport == StreamTransport.Grpc ? null : new SharedMemory(services.GetRequiredService<ILogger<SharedMemory>>()).Versions,
    faults is null ? null : new ShardFaults(faults).Reach));
builder.Services.AddSingleton(services => new MemoryStepServer(
    services.GetRequiredService<IShardHost>(),
    StreamTransports.Folder(builder.Configuration),
    transport == StreamTransport.Grpc ? $"{EnvironmentNames.Transport} of the parameter server is grpc" : null,
    services.GetRequiredService<TimeProvider>(),
    services.GetRequiredService<ILogger<MemoryStepServer>>(),
    services.GetRequiredService<WaitsEnd>()));
builder.Services.AddSingleton<IHangWatched>(services => new LockWatch("The lock of a job", services.GetRequiredService<ShardHost>().Stuck, services.GetRequiredService<TimeProvider>()));
builder.Services.AddSingleton<IShardHost>(services => services.GetRequiredService<ShardHost>());
builder.Services.AddSingleton(services => new LastCheckpoint(services.GetRequiredService<ShardHost>(), first ?? services.GetRequiredService<ShardHost>(), services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<LastCheckpoint>>()));
builder.Services.AddSingleton<WaitsEnd>();
builder.Logging.AddFilter(CallInterceptor.LibraryLog, LogLevel.None);
builder.Services.AddGrpc(options => options.Interceptors.Add<CallInterceptor>());
builder.Services.AddGrpcLimits();
// For calls that are on their way. Those that only wait are ended below.
builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(3));

var app = builder.Build();
app.UseAccessControl();
app.MapDefaultEndpoints();
app.MapGrpcService<ShardGrpcService>().NeedsSecret();
app.MapGet("/", (ShardHost host) => new { shard, jobs = host.Jobs.ToDictionary(j => j.Key, j => j.Value.ToString()) });
// Before the server stops taking calls: the jobs still have to come to a version that all shards have.
app.Lifetime.ApplicationStopping.Register(() =>
{
    app.Services.GetRequiredService<LastCheckpoint>().KeepAsync().Wait();
    app.Services.GetRequiredService<WaitsEnd>().Set();
});
await app.ServeAsync();
return 0;

namespace Lockstep.ParameterServer
{
    /// <summary>What the environment says.</summary>
    internal static class Settings
    {
        private const string MemoryLimitName = "LOCKSTEP_MEMORY_LIMIT_MB";
        private const string ThreadsName = "LOCKSTEP_SHARD_THREADS";

        public static int ShardIndex(IConfiguration configuration)
        {
            string text = configuration[EnvironmentNames.ShardIndex] ?? "0";
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int shard)
                ? shard
                : throw new InputException(InputException.ProcessEnvironment, 0, $"{EnvironmentNames.ShardIndex} is '{text}', which is no index.", "Set it to 0, 1, 2 …, a different one for each parameter server.");
        }

        /// <returns>Threads that an update may use: as configured, else as many as there are processors.</returns>
        public static int Threads(IConfiguration configuration)
        {
            if (configuration[ThreadsName] is not { Length: > 0 } text)
            {
                return Environment.ProcessorCount;
            }

            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int threads) && threads is > 0 and <= 1024
                ? threads
                : throw new InputException(InputException.ProcessEnvironment, 0, $"{ThreadsName} is '{text}', which is no number of threads.", "Set it to 1 … 1024, or leave it out for as many as there are processors.");
        }

        /// <returns>Bytes that jobs may take: as configured, else three quarters of what the process may use.</returns>
        public static long MemoryLimit(IConfiguration configuration)
        {
            if (configuration[MemoryLimitName] is not { Length: > 0 } text)
            {
                return GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 * 3;
            }

            return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long mebibytes) && mebibytes > 0
                ? mebibytes << 20
                : throw new InputException(InputException.ProcessEnvironment, 0, $"{MemoryLimitName} is '{text}', which is no number of mebibytes.", "Set it to a whole number, or leave it out for three quarters of the memory.");
        }
    }
}
