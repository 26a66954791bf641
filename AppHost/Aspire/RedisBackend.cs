using Lockstep.Hosting;

namespace Lockstep.AppHost;

/// <summary>Redis, and how a scaler outside the application reaches it.</summary>
/// <param name="Resource">What the services reference.</param>
/// <param name="Container">The container, where Redis is one of this application; its data are in <see cref="DataVolume"/>.</param>
/// <param name="Address">Host and port of a published application's Redis from outside; else null.</param>
/// <param name="Password">Its password; else null.</param>
/// <param name="Tls">Whether it is reached over TLS, "true" or "false"; else null.</param>
internal sealed record RedisBackend(
    IResourceBuilder<IResourceWithConnectionString> Resource,
    IResourceBuilder<ContainerResource>? Container = null,
    IResourceBuilder<ParameterResource>? Address = null,
    IResourceBuilder<ParameterResource>? Password = null,
    IResourceBuilder<ParameterResource>? Tls = null)
{
    /// <summary>Named here: Aspire's own name is made of the application's, and the dot in that is no name for a volume in Kubernetes.</summary>
    public const string DataVolume = "lockstep-redis";
}

internal static class RedisBackendExtensions
{
    /// <summary>Adds Redis with a password, or names one that is there.</summary>
    public static RedisBackend AddRedisBackend(this IDistributedApplicationBuilder builder, string name, AppHostOptions options) => options.Redis switch
    {
        RedisKind.Garnet => new(GarnetProcess.Add(builder, name, BuiltPrograms.AssemblyOf(new Projects.Cli().ProjectPath))),
        RedisKind.Redis => InContainer(builder.AddRedis(name).WithDataVolume(RedisBackend.DataVolume).WithPersistence()),
        // One connection string here; what a scaler on a platform must be told too is three parameters.
        RedisKind.External when builder.ExecutionContext.IsRunMode => new(builder.AddConnectionString(name)),
        RedisKind.External => builder.AddExternalRedis(name, options.RedisTls),
        _ => throw new ArgumentOutOfRangeException(nameof(options), options.Redis, null),
    };

    private static RedisBackend InContainer<T>(IResourceBuilder<T> redis) where T : ContainerResource, IResourceWithConnectionString => new(redis, redis);

    private static RedisBackend AddExternalRedis(this IDistributedApplicationBuilder builder, string name, bool byTls)
    {
        IResourceBuilder<ParameterResource> address = builder.AddParameter($"{name}-address").WithDescription("Host and port of Redis, such as redis.example.net:6380. No cluster.");
        IResourceBuilder<ParameterResource> password = builder.AddParameter($"{name}-password", secret: true).WithDescription("Password of Redis.");
        // A parameter whose value is given here is not looked up in the configuration by Aspire.
        IResourceBuilder<ParameterResource> tls = builder.AddParameter($"{name}-tls", byTls ? "true" : "false", publishValueAsDefault: true).WithDescription("Whether Redis is reached over TLS: true or false.");
        return new(builder.AddConnectionString(name, ReferenceExpression.Create($"{address},password={password},ssl={tls}")), null, address, password, tls);
    }
}
