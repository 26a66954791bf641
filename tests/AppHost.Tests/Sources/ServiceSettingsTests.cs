using System.Text.Json;

namespace Lockstep.AppHost.Tests;

/// <summary>Aspire takes a service's endpoints from its settings; other launchers override them.</summary>
public sealed class ServiceSettingsTests
{
    [Theory]
    [InlineData("Scheduler", "http", "grpc")]
    [InlineData("ParameterServer", "http", "grpc")]
    [InlineData("Worker", "http")]
    public void A_service_declares_its_endpoints(string service, params string[] endpoints)
    {
        using JsonDocument settings = JsonDocument.Parse(Repository.Read(service, "appsettings.json"));
        JsonElement declared = settings.RootElement.GetProperty("Kestrel").GetProperty("Endpoints");
        Assert.Equal(endpoints, declared.EnumerateObject().Select(e => e.Name));
        foreach (JsonProperty endpoint in declared.EnumerateObject())
        {
            var address = new Uri(endpoint.Value.GetProperty("Url").GetString()!);
            // Started by hand a service listens to its own machine only.
            Assert.True(address.IsLoopback);
            Assert.Equal("http", address.Scheme);
            // Ports below 1024 are not for the user of .NET's images.
            Assert.InRange(address.Port, 1024, 65535);
            Assert.Equal(endpoint.Name == "grpc" ? "Http2" : "Http1", endpoint.Value.GetProperty("Protocols").GetString());
        }
    }

    [Fact]
    public void No_two_endpoints_have_the_same_port()
    {
        int[] ports = [.. new[] { "Scheduler", "ParameterServer", "Worker" }.SelectMany(service =>
        {
            using JsonDocument settings = JsonDocument.Parse(Repository.Read(service, "appsettings.json"));
            return settings.RootElement.GetProperty("Kestrel").GetProperty("Endpoints").EnumerateObject().Select(e => new Uri(e.Value.GetProperty("Url").GetString()!).Port).ToArray();
        })];
        Assert.Equal(ports.Length, ports.Distinct().Count());
    }

    [Theory]
    [InlineData("http", "http")]
    [InlineData("https", "https")]
    public void Each_launch_profile_names_the_ports_that_Aspire_needs(string profile, string scheme)
    {
        using JsonDocument settings = JsonDocument.Parse(Repository.Read("AppHost", "Properties", "launchSettings.json"));
        JsonElement chosen = settings.RootElement.GetProperty("profiles").GetProperty(profile);
        JsonElement environment = chosen.GetProperty("environmentVariables");
        Assert.StartsWith($"{scheme}://localhost:", chosen.GetProperty("applicationUrl").GetString(), StringComparison.Ordinal);
        Assert.StartsWith($"{scheme}://localhost:", environment.GetProperty("ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL").GetString(), StringComparison.Ordinal);
        Assert.StartsWith($"{scheme}://localhost:", environment.GetProperty("ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL").GetString(), StringComparison.Ordinal);
        // Aspire refuses a dashboard without TLS unless this is said.
        Assert.Equal(scheme == "http", environment.TryGetProperty("ASPIRE_ALLOW_UNSECURED_TRANSPORT", out JsonElement allowed) && allowed.GetString() == "true");
        Assert.Equal("Development", environment.GetProperty("DOTNET_ENVIRONMENT").GetString());
    }
}
