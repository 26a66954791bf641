using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lockstep.AppHost.Tests;

/// <summary>The application as the application host builds it. Nothing of it is started: neither orchestrator nor containers are needed.</summary>
internal sealed class AppModel : IAsyncDisposable
{
    private readonly DistributedApplication _application;

    /// <summary>Each application would watch its settings, and a machine has few watches.</summary>
    static AppModel() => Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");

    private AppModel(DistributedApplication application) => _application = application;

    public DistributedApplication Application => _application;

    public IServiceProvider Services => _application.Services;

    public DistributedApplicationModel Model => Services.GetRequiredService<DistributedApplicationModel>();

    public IEnumerable<string> Names => Model.Resources.Select(r => r.Name);

    private DistributedApplicationExecutionContext Publishing => new(new DistributedApplicationExecutionContextOptions(DistributedApplicationOperation.Publish) { Services = Services });

    public static Task<AppModel> RunAsync(params string[] options) => BuildAsync(_ => { }, options);

    public static Task<AppModel> RunAsync(Action<IDistributedApplicationTestingBuilder> change, params string[] options) => BuildAsync(change, options);

    public static Task<AppModel> PublishAsync(string target, string output, params string[] options) =>
        BuildAsync(_ => { }, ["--operation", "publish", "--step", "publish", "--output-path", output, "--target", target, .. options]);

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

    public async ValueTask DisposeAsync() => await _application.DisposeAsync();

    private static async Task<AppModel> BuildAsync(Action<IDistributedApplicationTestingBuilder> change, string[] options)
    {
        IDistributedApplicationTestingBuilder builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.AppHost>(options, TestContext.Current.CancellationToken);
        builder.Services.AddLogging(logging => logging.ClearProviders());
        change(builder);
        return new(await builder.BuildAsync(TestContext.Current.CancellationToken));
    }
}
