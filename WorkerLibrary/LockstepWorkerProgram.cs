using Lockstep.Contracts;
using Lockstep.ServiceDefaults;
using Lockstep.ServiceDefaults.Access;
using Lockstep.ServiceDefaults.Health;
using Lockstep.Training;
using Lockstep.Worker.Hosting;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tools;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Lockstep.Worker;

/// <summary>A worker program: a service of a fleet, or the tool that the command calls for what only a worker knows.</summary>
public sealed class LockstepWorkerProgram
{
    private const int BadInput = 2;

    /// <summary>What an appsettings.json of the program's or the environment may say otherwise.</summary>
    private static readonly Dictionary<string, string?> Usual = new(StringComparer.Ordinal)
    {
        ["Kestrel:Endpoints:http:Url"] = "http://localhost:5100",
        ["Kestrel:Endpoints:http:Protocols"] = "Http1",
        ["Logging:LogLevel:Default"] = "Information",
        ["Logging:LogLevel:Grpc"] = "Warning",
        ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
        ["Logging:LogLevel:Microsoft.Extensions.Diagnostics.HealthChecks"] = "Critical",
        ["Logging:LogLevel:Polly"] = "Warning",
        ["Logging:LogLevel:System.Net.Http.HttpClient"] = "Warning",
    };

    private readonly string[] _args;
    private readonly ComponentCatalog _catalog;
    private readonly IReadOnlyList<InputError> _errors;

    /// <param name="errors">Of what was added: such a program takes part in nothing.</param>
    internal LockstepWorkerProgram(string[] args, ComponentCatalog catalog, IReadOnlyList<InputError> errors) => (_args, _catalog, _errors) = (args, catalog, errors);

    /// <summary>Runs to the end.</summary>
    /// <returns>The exit code, which is also set as the process's: 0 done, 1 failed, 2 bad input.</returns>
    public int Run() => Environment.ExitCode = RunAsync().GetAwaiter().GetResult();

    private async Task<int> RunAsync()
    {
        if (_errors.Count > 0)
        {
            await Console.Error.WriteLineAsync(new InputException(_errors).Message);
            return BadInput;
        }

        if (ToolCommand.Find(_args, _catalog) is { } tool)
        {
            return await tool.RunAsync();
        }

        var builder = WebApplication.CreateBuilder(_args);
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = Usual });
        try
        {
            builder.AddServiceDefaults();
            builder.AddAccessControl();
            builder.Services.AddSingleton(WorkerSettings.From(builder.Configuration));
        }
        catch (InputException exception)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return BadInput;
        }

        builder.Services.AddSingleton(_catalog);
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
    }
}
