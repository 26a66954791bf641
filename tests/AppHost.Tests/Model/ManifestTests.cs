using System.Text.Json;
using Aspire.Hosting.ApplicationModel;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Lockstep.AppHost.Tests;

/// <summary>What is published without a platform's packages: the manifest that deployment tools such as azd read.</summary>
public sealed class ManifestTests : IDisposable
{
    private const string Step = "publish-manifest";

    private readonly DirectoryInfo _output = Directory.CreateTempSubdirectory("lockstep-manifest-");

    public void Dispose() => _output.Delete(recursive: true);

    [Theory]
    [InlineData("container-apps")]
    [InlineData("kubernetes")]
    [InlineData("compose")]
    public async Task One_worker_is_published_and_nothing_starts_workers_by_itself(string target)
    {
        await using AppModel app = await AppModel.PublishAsync(Step, target, _output.FullName);
        Assert.Equal(["worker"], app.Names.Where(n => n.StartsWith("worker", StringComparison.Ordinal)));
        Assert.DoesNotContain(app.Services.GetServices<IHostedService>(), service => service.GetType().Namespace == "Lockstep.AppHost");
        Assert.Equal(["ps-0", "ps-1"], app.Names.Where(n => n is ['p', 's', '-', >= '0' and <= '9', ..]).Order(StringComparer.Ordinal));
        IReadOnlyDictionary<string, string> environment = await app.EnvironmentOfAsync("worker");
        // Its name is that of its container and process.
        Assert.DoesNotContain(EnvironmentNames.WorkerId, environment);
        Assert.DoesNotContain(EnvironmentNames.ParentProcess, environment);
        Assert.Equal("{lockstep-secret.value}", environment[EnvironmentNames.Secret]);
        Assert.Equal("", await app.ArgumentsOfAsync("worker"));
    }

    [Fact]
    public async Task The_manifest_has_the_services_as_projects_with_their_ports_and_a_Redis_from_outside()
    {
        string path = Path.Combine(_output.FullName, "aspire-manifest.json");
        await AppModel.WriteAsync(Step, "container-apps", path);
        using JsonDocument manifest = JsonDocument.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
        JsonElement resources = manifest.RootElement.GetProperty("resources");
        foreach ((string name, string binding, int port) in new[] { ("scheduler", "http", 5080), ("scheduler", "grpc", 5081), ("ps-0", "grpc", 5091), ("ps-1", "grpc", 5091), ("worker", "http", 5100) })
        {
            JsonElement project = resources.GetProperty(name);
            Assert.Equal("project.v0", project.GetProperty("type").GetString());
            JsonElement bindings = project.GetProperty("bindings");
            Assert.Equal(port, bindings.GetProperty(binding).GetProperty("targetPort").GetInt32());
            // Nobody speaks TLS.
            Assert.False(bindings.TryGetProperty("https", out _));
        }

        Assert.True(resources.GetProperty("scheduler").GetProperty("bindings").GetProperty("http").GetProperty("external").GetBoolean());
        Assert.Equal("{redis-address.value},password={redis-password.value},ssl={redis-tls.value}", resources.GetProperty("redis").GetProperty("connectionString").GetString());
    }
}
