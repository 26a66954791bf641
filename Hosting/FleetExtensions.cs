using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Lockstep.Hosting;

/// <summary>What goes on in run mode beside the resources themselves.</summary>
internal static class FleetExtensions
{
    /// <summary>The scheduler is watched.</summary>
    public static void AddFleetWatch(this IDistributedApplicationBuilder builder, IResourceBuilder<IResourceWithEndpoints> scheduler, IResourceBuilder<ParameterResource> apiKey)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => new SchedulerAccess(scheduler, apiKey, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<FleetWatch>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FleetWatch>());
    }

    /// <summary>The number of workers follows the scheduler, and jobs and what workers do are shown.</summary>
    public static void AddWorkerFleet(this IDistributedApplicationBuilder builder, WorkerFleet fleet)
    {
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<WorkerScaler>(services, fleet));
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<FleetRows>(services, fleet));
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<StartingWorkers>(services, fleet));
    }
}
