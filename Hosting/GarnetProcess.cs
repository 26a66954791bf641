using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Hosting;

/// <summary>The Redis-compatible server of the engine, as a process on this machine: no container runtime is needed.</summary>
internal sealed class GarnetProcess : ExecutableResource, IResourceWithConnectionString
{
    private const string EndpointName = "tcp";

    private readonly ParameterResource _password;

    /// <param name="command">Assembly of the command line, which serves Redis when it is called so.</param>
    public GarnetProcess(string name, string command, ParameterResource password) : base(name, DotnetHost.Command, Path.GetDirectoryName(command)!) => (Endpoint, _password) = (new EndpointReference(this, EndpointName), password);

    public EndpointReference Endpoint { get; }

    public ReferenceExpression ConnectionStringExpression => ReferenceExpression.Create($"{Endpoint.Property(EndpointProperty.Host)}:{Endpoint.Property(EndpointProperty.Port)},password={_password}");

    /// <param name="command">As the constructor's.</param>
    public static IResourceBuilder<GarnetProcess> Add(IDistributedApplicationBuilder builder, string name, string command)
    {
        IResourceBuilder<ParameterResource> password = builder.AddGeneratedSecret($"{name}-password");
        var garnet = new GarnetProcess(name, command, password.Resource);
        string? connection = null;
        builder.Eventing.Subscribe<ConnectionStringAvailableEvent>(garnet, async (_, cancellation) => connection = await garnet.ConnectionStringExpression.GetValueAsync(cancellation));
        string check = $"{name}-answers";
        builder.Services.AddHealthChecks().AddRedis(_ => connection ?? throw new InvalidOperationException("Redis has no address yet."), check);
        return builder.AddResource(garnet)
            .WithEndpoint(name: EndpointName, scheme: "tcp", isProxied: false)
            .WithArgs(command, "redis-server", "--port", garnet.Endpoint.Property(EndpointProperty.TargetPort))
            .WithEnvironment(EnvironmentNames.RedisPassword, password)
            .WithEnvironment(EnvironmentNames.ParentProcess, ServiceResources.ThisProcess)
            .WithIconName("Database")
            .WithHealthCheck(check)
            .ExcludeFromManifest();
    }
}
