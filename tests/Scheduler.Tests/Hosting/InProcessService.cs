using System.Diagnostics;
using System.Net;
using System.Reflection;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Tests.Servers;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Scheduler.Tests.Hosting;

/// <summary>A service as its own Main makes it, with its pipeline and its endpoints, on loopback ports in this process.</summary>
internal sealed class InProcessService : IAsyncDisposable
{
    public const string Key = "test-api-key-0123456789";
    public const string Secret = "test-secret-0123456789";

    private static readonly AsyncLocal<HostWatch?> Watched = new();

    private readonly IHost _host;
    private readonly Task _main;

    private InProcessService(IHost host, Task main, Uri http, Uri grpc, LogLines logs) => (_host, _main, Http, Grpc, Logs) = (host, main, http, grpc, logs);

    public IServiceProvider Services => _host.Services;

    public Uri Http { get; }

    /// <value>HTTP/2 without TLS.</value>
    public Uri Grpc { get; }

    public LogLines Logs { get; }

    public IEnumerable<RouteEndpoint> Endpoints => Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    /// <summary>The scheduler, on a queue of its own where none is named.</summary>
    public static async Task<InProcessService> SchedulerAsync(RedisServer redis, params (string Name, string Value)[] settings)
    {
        InProcessService scheduler = await UnreadySchedulerAsync(redis, settings);
        await scheduler.WaitReadyAsync();
        return scheduler;
    }

    /// <summary>As <see cref="SchedulerAsync"/>, and it may not become ready.</summary>
    public static async Task<InProcessService> UnreadySchedulerAsync(RedisServer redis, params (string Name, string Value)[] settings)
    {
        redis.Require();
        return await StartAsync(typeof(Jobs.JobList).Assembly, [("ConnectionStrings:redis", redis.Connection), (EnvironmentNames.Queue, RedisServer.NewId()), .. settings]);
    }

    public static Task<InProcessService> ParameterServerAsync(params (string Name, string Value)[] settings) => StartAsync(Assembly.Load("Lockstep.ParameterServer"), settings);

    /// <param name="key">Null: none is sent.</param>
    public HttpClient Client(string? key = null)
    {
        var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = Http };
        if (key is not null)
        {
            http.DefaultRequestHeaders.Add("X-Api-Key", key);
        }

        return http;
    }

    public HttpClient GrpcClient() => new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Grpc, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

    public async ValueTask DisposeAsync()
    {
        Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        await _main;
    }

    private static async Task<InProcessService> StartAsync(Assembly service, IEnumerable<(string Name, string Value)> settings)
    {
        var logs = new LogLines();
        // Of the service's own settings, not the test's environment.
        (string Name, string Value)[] defaults =
        [
            ("Kestrel:Endpoints:http:Url", "http://127.0.0.1:0"),
            ("Kestrel:Endpoints:http:Protocols", "Http1"),
            ("Kestrel:Endpoints:grpc:Url", "http://127.0.0.1:0"),
            ("Kestrel:Endpoints:grpc:Protocols", "Http2"),
            ("Logging:LogLevel:Default", "Information"),
            ("Logging:LogLevel:Microsoft", "Warning"),
            ("Logging:Console:LogLevel:Default", "None"),
            ("LOCKSTEP_API_KEY", ""),
            ("LOCKSTEP_SECRET", ""),
            ("LOCKSTEP_DATA_ROOTS", ""),
            ("LOCKSTEP_RUNS_ROOT", ""),
        ];
        string[] arguments = [.. defaults.Concat(settings).Select(setting => $"--{setting.Name}={setting.Value}")];
        using var watch = new HostWatch(services => services
            .AddSingleton<IStartupFilter, FakeRemoteAddress>()
            .AddSingleton<ILoggerProvider>(logs));
        Task main = Task.Factory.StartNew(() => Enter(service, arguments, watch), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (await Task.WhenAny(watch.Built, main) == main)
        {
            await main;
            throw new InvalidOperationException($"{service.GetName().Name} ended before it was built: {logs}");
        }

        IHost host = await watch.Built;
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStarted.Register(started.SetResult))
        {
            if (await Task.WhenAny(started.Task, main) == main)
            {
                await main;
                throw new InvalidOperationException($"{service.GetName().Name} did not start: {logs}");
            }
        }

        // In the order of the endpoints' names.
        string[] addresses = [.. host.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses];
        Assert.Equal(2, addresses.Length);
        return new InProcessService(host, main, new Uri(addresses[1]), new Uri(addresses[0]), logs);
    }

    private static void Enter(Assembly service, string[] arguments, HostWatch watch)
    {
        Watched.Value = watch;
        object? code = service.EntryPoint!.Invoke(null, [arguments]);
        Assert.Equal(0, code ?? 0);
    }

    private async Task WaitReadyAsync()
    {
        using HttpClient http = Client();
        while (true)
        {
            using HttpResponseMessage answer = await http.GetAsync("/health");
            if (answer.IsSuccessStatusCode)
            {
                return;
            }

            await Task.Delay(20);
        }
    }

    /// <summary>Sees the host that a Main builds, by the events that hosts write for such as this.</summary>
    private sealed class HostWatch : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IDisposable
    {
        private readonly TaskCompletionSource<IHost> _built = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Action<IServiceCollection> _configure;
        private readonly IDisposable _all;
        private IDisposable? _hosting;

        public HostWatch(Action<IServiceCollection> configure)
        {
            _configure = configure;
            _all = DiagnosticListener.AllListeners.Subscribe(this);
        }

        public Task<IHost> Built => _built.Task;

        public void OnNext(DiagnosticListener value)
        {
            if (Watched.Value == this && value.Name == "Microsoft.Extensions.Hosting")
            {
                _hosting = value.Subscribe(this);
            }
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (Watched.Value != this)
            {
                return;
            }

            switch (value)
            {
                case { Key: "HostBuilding", Value: IHostBuilder builder }:
                    builder.ConfigureServices(_configure);
                    break;
                case { Key: "HostBuilt", Value: IHost host }:
                    _built.TrySetResult(host);
                    break;
            }
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error) => _built.TrySetException(error);

        public void Dispose()
        {
            _hosting?.Dispose();
            _all.Dispose();
        }
    }
}
