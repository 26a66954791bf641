using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Lockstep.AppHost;

/// <summary>What goes on in run mode beside the resources themselves.</summary>
internal static class FleetExtensions
{
    /// <summary>The number of workers follows the scheduler, and jobs and what workers do are shown.</summary>
    public static void AddFleet(this IDistributedApplicationBuilder builder, IResourceBuilder<ProjectResource> scheduler, IResourceBuilder<ParameterResource> apiKey, WorkerFleet fleet)
    {
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services => new SchedulerAccess(scheduler, apiKey, services.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<FleetWatch>();
        builder.Services.AddHostedService(services => services.GetRequiredService<FleetWatch>());
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<WorkerScaler>(services, fleet));
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<FleetRows>(services, fleet));
    }
}
