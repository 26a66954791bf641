using Lockstep.Contracts;
using Lockstep.ServiceDefaults;
using Lockstep.ServiceDefaults.Access;
using Lockstep.ServiceDefaults.Health;
using Lockstep.Worker.Hosting;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tools;
using Microsoft.Extensions.Diagnostics.HealthChecks;

if (ToolCommand.Find(args) is { } tool)
{
    return await tool.RunAsync();
}

var builder = WebApplication.CreateBuilder(args);
try
{
    builder.AddServiceDefaults();
    builder.AddAccessControl();
    builder.Services.AddSingleton(WorkerSettings.From(builder.Configuration));
}
catch (InputException exception)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return 2;
}

builder.Services.AddSingleton<WorkerMetrics>();
builder.Services.AddSingleton<ComputeThread>(services => new ComputeThread(time: services.GetRequiredService<TimeProvider>()));
builder.Services.AddSingleton<IHangWatched>(services => services.GetRequiredService<ComputeThread>());
builder.Services.AddSingleton<JobRunner>();
builder.Services.AddSingleton<WorkerService>();
builder.Services.AddHostedService(services => services.GetRequiredService<WorkerService>());
builder.Services.AddHealthChecks().Add(new HealthCheckRegistration(
    "scheduler", services => new MemberCheck(services.GetRequiredService<WorkerService>()), HealthStatus.Unhealthy, []));
// A drain finishes the slot in hand and pushes it; spot machines give half a minute.
builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(25));

var app = builder.Build();
app.UseAccessControl();
app.MapDefaultEndpoints();
await app.ServeAsync();
return Environment.ExitCode;
