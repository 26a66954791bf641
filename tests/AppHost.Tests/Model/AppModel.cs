using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.AppHost.Tests;

/// <summary>The application as the application host builds it. In run mode nothing of it is started: neither orchestrator nor containers are needed.</summary>
internal sealed class AppModel : IAsyncDisposable
{
    private readonly IDistributedApplicationTestingBuilder _builder;
    private readonly DistributedApplication _application;
    private readonly NeverStarted? _hold;

    /// <summary>Each application would watch its settings, and a machine has few watches.</summary>
    static AppModel() => Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");

    private AppModel(IDistributedApplicationTestingBuilder builder, DistributedApplication application, NeverStarted? hold) => (_builder, _application, _hold) = (builder, application, hold);

    public IServiceProvider Services => _application.Services;

    public DistributedApplicationModel Model => Services.GetRequiredService<DistributedApplicationModel>();

    public IEnumerable<string> Names => Model.Resources.Select(r => r.Name);

    private DistributedApplicationExecutionContext Publishing => new(new DistributedApplicationExecutionContextOptions(DistributedApplicationOperation.Publish) { Services = Services });

    /// <summary>In run mode.</summary>
    public static Task<AppModel> RunAsync(params string[] options) => BuildAsync(_ => { }, new NeverStarted(), options);

    public static Task<AppModel> RunAsync(Action<IDistributedApplicationTestingBuilder> change, params string[] options) => BuildAsync(change, new NeverStarted(), options);

    /// <summary>In publish mode; nothing is written.</summary>
    public static Task<AppModel> PublishAsync(string step, string target, string output, params string[] options) => BuildAsync(_ => { }, new NeverStarted(), Publish(step, target, output, options));

    /// <summary>Publishes into a folder.</summary>
    public static async Task WriteAsync(string step, string target, string output, params string[] options)
    {
        await using AppModel app = await BuildAsync(_ => { }, hold: null, Publish(step, target, output, options));
        // The entry point runs by itself as soon as the application is built; it ends when all is written.
        await app._application.RunAsync(TestContext.Current.CancellationToken);
    }

    public T Get<T>(string name) where T : IResource => Assert.IsType<T>(Model.Resources.Single(r => r.Name == name), exactMatch: false);

    public ProjectResource Project(string name) => Get<ProjectResource>(name);

    /// <summary>Variables as they would be published: values of other resources as expressions, such as {ps-0.bindings.grpc.url}.</summary>
    public async Task<IReadOnlyDictionary<string, string>> EnvironmentOfAsync(string name)
    {
        IExecutionConfigurationResult result = await ExecutionConfigurationBuilder.Create(Get<IResource>(name)).WithEnvironmentVariablesConfig()
            .BuildAsync(Publishing, cancellationToken: TestContext.Current.CancellationToken);
        return result.EnvironmentVariables.ToDictionary(v => v.Key, v => v.Value);
    }

    public async Task<string> ArgumentsOfAsync(string name)
    {
        IExecutionConfigurationResult result = await ExecutionConfigurationBuilder.Create(Get<IResource>(name)).WithArgumentsConfig()
            .BuildAsync(Publishing, cancellationToken: TestContext.Current.CancellationToken);
        return string.Join(' ', result.Arguments.Select(a => a.Value));
    }

    public async ValueTask DisposeAsync()
    {
        // Ends the entry point first.
        _hold?.Release();
        await _builder.DisposeAsync();
        await _application.DisposeAsync();
    }

    private static string[] Publish(string step, string target, string output, string[] options) => ["--operation", "publish", "--step", step, "--output-path", output, "--target", target, .. options];

    private static async Task<AppModel> BuildAsync(Action<IDistributedApplicationTestingBuilder> change, NeverStarted? hold, string[] options)
    {
        IDistributedApplicationTestingBuilder builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.AppHost>(options, TestContext.Current.CancellationToken);
        builder.Services.AddLogging(logging => logging.ClearProviders());
        if (hold is not null)
        {
            builder.Services.AddHostedService(_ => hold).Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        }

        change(builder);
        DistributedApplication application = await builder.BuildAsync(TestContext.Current.CancellationToken);
        var model = new AppModel(builder, application, hold);
        if (hold is not null)
        {
            // What Aspire does before a start changes resources and their states; a test looks at what is there then.
            await hold.Reached.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        }

        return model;
    }

    /// <summary>The entry point would go on and start everything. This comes before all that a host starts, and lasts until the application is disposed.</summary>
    private sealed class NeverStarted : IHostedLifecycleService
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task;

        public Task StartingAsync(CancellationToken cancellationToken)
        {
            _reached.TrySetResult();
            return _released.Task.WaitAsync(cancellationToken);
        }

        /// <summary>The start fails, and so the entry point ends.</summary>
        public void Release() => _released.TrySetCanceled();

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
