using Lockstep.ServiceDefaults.Tests.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.ServiceDefaults.Tests;

/// <summary>A service with the defaults and the metrics of all services, on loopback.</summary>
internal sealed class TestService : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _http;

    private TestService(WebApplication app)
    {
        _app = app;
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()) };
    }

    public IServiceProvider Services => _app.Services;

    /// <param name="settings">As from the environment.</param>
    public static Task<TestService> StartAsync(CancellationToken cancellation, Action<IServiceCollection>? configure = null, params (string Name, string? Value)[] settings) => StartAsync(true, configure, settings, cancellation);

    /// <param name="hasHttpApi">As the scheduler has; shards and workers have none.</param>
    public static async Task<TestService> StartAsync(bool hasHttpApi, Action<IServiceCollection>? configure, IEnumerable<(string Name, string? Value)> settings, CancellationToken cancellation)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        // The services' own settings lie beside the tests, with their ports.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>(s.Name, s.Value)).Append(new("urls", "http://127.0.0.1:0")).Append(new("Logging:LogLevel:Default", "Warning")));
        builder.AddServiceDefaults(hasHttpApi);
        builder.Services.AddAllMetrics();
        configure?.Invoke(builder.Services);
        WebApplication app = builder.Build();
        app.MapDefaultEndpoints();
        await app.StartAsync(cancellation);
        return new TestService(app);
    }

    public async Task<string> GetAsync(string path, CancellationToken cancellation)
    {
        using HttpResponseMessage answer = await _http.GetAsync(path, cancellation);
        return await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancellation);
    }

    public async Task<(int Status, string Body)> AskAsync(string path, CancellationToken cancellation)
    {
        using HttpResponseMessage answer = await _http.GetAsync(path, cancellation);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(cancellation));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
