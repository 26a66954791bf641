using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler;
using Lockstep.Scheduler.Api;
using Lockstep.Scheduler.Jobs;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;
using Lockstep.ServiceDefaults;
using Lockstep.ServiceDefaults.Access;
using Lockstep.Transport.Grpc;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

var builder = WebApplication.CreateBuilder(args);
TimeSpan heartbeat;
try
{
    heartbeat = SecondsSetting.Read(builder.Configuration[EnvironmentNames.Heartbeat], EnvironmentNames.Heartbeat, 2);
    builder.AddServiceDefaults(hasHttpApi: true);
    builder.AddLockstepRedis();
    builder.Services.AddSingleton(Scaler.From(builder.Configuration, TimeProvider.System));
    builder.AddAccessControl();
    builder.AddSchedulerApi();
}
catch (InputException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

builder.Logging.AddFilter(CallInterceptor.LibraryLog, LogLevel.None);
builder.Services.AddGrpc(options =>
{
    options.Interceptors.Add<CallInterceptor>();
    // What gRPC answers for services that are not known would stand in for the API, with a 404 for a body of the wrong type.
    options.IgnoreUnknownServices = true;
});
builder.Services.AddSingleton(services => new JobStore(services.GetRequiredService<IConnectionMultiplexer>(), builder.Configuration[EnvironmentNames.Queue]));
builder.Services.AddSingleton(services => new WantedWorkers(services.GetRequiredService<IConnectionMultiplexer>(), builder.Configuration[EnvironmentNames.Queue]));
builder.Services.AddSingleton<Fleet>();
builder.Services.AddSingleton<SchedulerMetrics>();
builder.Services.AddSingleton<SchedulerSpans>();
builder.Services.AddSingleton<SchedulerTelemetry>();
builder.Services.AddSingleton<ShardsCheck>();
builder.Services.AddSingleton<Term>();
builder.Services.AddSingleton<JobList>();
builder.Services.AddSingleton<Staffing>();
builder.Services.AddSingleton<ShardCloser>();
builder.Services.AddSingleton<Lifecycles>();
builder.Services.AddSingleton<RecordedJobs>();
builder.Services.AddSingleton<AskedCheckpoint>();
builder.Services.AddHostedService<TermService>();
builder.Services.AddHealthChecks().AddCheck<ShardsCheck>("shards").Add(new HealthCheckRegistration(
    "jobs", services => new ReadyCheck(services.GetRequiredService<Term>()), HealthStatus.Unhealthy, []));
// Events stream for as long as a job runs; stopping does not wait for their readers.
builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(3));
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.Limits.MinResponseDataRate = null;
    // A worker that hangs answers no ping: its stream ends, and with it its membership.
    kestrel.Limits.Http2.KeepAlivePingDelay = heartbeat;
    kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(3);
});

var app = builder.Build();
app.UseSchedulerApi();
app.UseAccessControl();
app.MapDefaultEndpoints();
app.MapGrpcService<MembershipService>().NeedsSecret();
app.MapSchedulerApi();
await app.ServeAsync();
return 0;
