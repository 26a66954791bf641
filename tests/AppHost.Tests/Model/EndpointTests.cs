using Aspire.Hosting.ApplicationModel;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Lockstep.AppHost.Tests;

/// <summary>Endpoints, health checks and URLs in run mode.</summary>
public sealed class EndpointTests
{
    [Theory]
    [InlineData("scheduler", "grpc", "http")]
    [InlineData("ps-0", "grpc", "http")]
    [InlineData("worker-0", "http")]
    public async Task Endpoints_come_from_the_services_settings(string service, params string[] endpoints)
    {
        await using AppModel app = await AppModel.RunAsync();
        EndpointAnnotation[] declared = [.. app.Project(service).Annotations.OfType<EndpointAnnotation>()];
        Assert.Equal(endpoints, declared.Select(e => e.Name).Order(StringComparer.Ordinal));
        Assert.All(declared, endpoint =>
        {
            Assert.Equal("http", endpoint.UriScheme);
            Assert.Equal(endpoint.Name == "grpc" ? "http2" : "http", endpoint.Transport);
        });
    }

    [Fact]
    public async Task Only_the_schedulers_API_is_for_others()
    {
        await using AppModel app = await AppModel.RunAsync();
        Assert.Equal(
            [("scheduler", "http")],
            app.Model.Resources.SelectMany(r => r.Annotations.OfType<EndpointAnnotation>().Where(e => e.IsExternal).Select(e => (r.Name, e.Name))));
    }

    [Fact]
    public async Task The_scheduler_has_its_port_and_the_others_free_ones()
    {
        await using AppModel app = await AppModel.RunAsync("--port", "5678");
        Assert.Equal(5678, app.Project("scheduler").Annotations.OfType<EndpointAnnotation>().Single(e => e.Name == "http").Port);
        foreach (string name in new[] { "ps-0", "ps-1", "worker-0", "worker-3" })
        {
            Assert.All(app.Project(name).Annotations.OfType<EndpointAnnotation>(), endpoint => Assert.Null(endpoint.Port));
            // Steps would go through one process for all.
            Assert.All(app.Project(name).Annotations.OfType<EndpointAnnotation>(), endpoint => Assert.False(endpoint.IsProxied));
        }
    }

    [Theory]
    [InlineData("scheduler")]
    [InlineData("ps-1")]
    [InlineData("worker-2")]
    public async Task Each_service_is_asked_whether_it_is_ready_and_alive(string service)
    {
        await using AppModel app = await AppModel.RunAsync();
        ProjectResource project = app.Project(service);
        Assert.Equal(
            [(ProbeType.Readiness, SchedulerRoutes.Health, "http"), (ProbeType.Liveness, SchedulerRoutes.Alive, "http")],
            project.Annotations.OfType<EndpointProbeAnnotation>().Select(p => (p.Type, p.Path, p.EndpointReference.EndpointName)));
        string[] checks = [.. project.Annotations.OfType<HealthCheckAnnotation>().Select(h => h.Key)];
        Assert.Equal(2, checks.Length);
        // What a wait for this resource asks.
        Assert.Subset(
            app.Services.GetRequiredService<IOptions<HealthCheckServiceOptions>>().Value.Registrations.Select(r => r.Name).ToHashSet(StringComparer.Ordinal),
            checks.ToHashSet(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Redis_is_asked_whether_it_answers()
    {
        await using AppModel app = await AppModel.RunAsync();
        Assert.Single(app.Get<IResource>("redis").Annotations.OfType<HealthCheckAnnotation>());
    }
}
