using System.Reflection;
using Lockstep.ParameterServer;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Worker.Loop;
using Microsoft.Extensions.Logging;

namespace Lockstep.ServiceDefaults.Tests;

/// <summary>What a service logs can be told apart by its event id.</summary>
public sealed class EventIdTests
{
    [Theory]
    [InlineData(typeof(WorkerMetrics))]
    [InlineData(typeof(ShardMetrics))]
    [InlineData(typeof(SchedulerMetrics))]
    public void Event_ids_are_unique_in_a_service(Type ofService)
    {
        (int Id, string Where)[] all = [.. AssembliesOf(ofService.Assembly).SelectMany(a => a.GetTypes()).SelectMany(Messages)];

        Assert.NotEmpty(all);
        Assert.All(all, m => Assert.True(m.Id > 0, $"{m.Where} has no event id."));
        string[] twice = [.. all.GroupBy(m => m.Id).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(m => m.Where))}")];
        Assert.True(twice.Length == 0, string.Join("; ", twice));
    }

    private static IEnumerable<(int Id, string Where)> Messages(Type type) =>
        type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            .Select(m => (Method: m, Message: m.GetCustomAttribute<LoggerMessageAttribute>()))
            .Where(m => m.Message is not null)
            .Select(m => (m.Message!.EventId, $"{type.FullName}.{m.Method.Name}"));

    /// <summary>The service and all of ours that it takes along.</summary>
    private static HashSet<Assembly> AssembliesOf(Assembly service)
    {
        var found = new HashSet<Assembly>();
        Collect(service);
        return found;

        void Collect(Assembly assembly)
        {
            if (!found.Add(assembly))
            {
                return;
            }

            foreach (AssemblyName name in assembly.GetReferencedAssemblies().Where(n => n.Name!.StartsWith("Lockstep.", StringComparison.Ordinal)))
            {
                Collect(Assembly.Load(name));
            }
        }
    }
}
