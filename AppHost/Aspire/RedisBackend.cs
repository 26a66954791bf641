namespace Lockstep.AppHost;

/// <summary>Redis, and how a scaler outside the application reaches it.</summary>
/// <param name="Resource">What the services reference.</param>
/// <param name="Container">The container, where Redis is one of this application; its data are in <see cref="DataVolume"/>.</param>
/// <param name="Address">Host and port of a Redis from outside; null: Redis is a container of this application.</param>
/// <param name="Password">Password of a Redis from outside; null: that of the container, which its reference brings along.</param>
/// <param name="Tls">Whether a Redis from outside is reached over TLS, "true" or "false"; null: Redis is a container of this application.</param>
internal sealed record RedisBackend(
    IResourceBuilder<IResourceWithConnectionString> Resource,
    IResourceBuilder<ContainerResource>? Container,
    IResourceBuilder<ParameterResource>? Address,
    IResourceBuilder<ParameterResource>? Password,
    IResourceBuilder<ParameterResource>? Tls)
{
    /// <summary>Named here: Aspire's own name is made of the application's, and the dot in that is no name for a volume in Kubernetes.</summary>
    public const string DataVolume = "lockstep-redis";

    public static RedisBackend InContainer<T>(IResourceBuilder<T> redis) where T : ContainerResource, IResourceWithConnectionString => new(redis, redis, null, null, null);
}

internal static class RedisBackendExtensions
{
    /// <summary>Adds Redis with a password and persistence, or names one that is there.</summary>
    public static RedisBackend AddRedisBackend(this IDistributedApplicationBuilder builder, string name, RedisKind kind, bool tls) => kind switch
    {
        RedisKind.Redis => RedisBackend.InContainer(builder.AddRedis(name).WithDataVolume(RedisBackend.DataVolume).WithPersistence()),
        RedisKind.Garnet => RedisBackend.InContainer(builder.AddGarnet(name).WithDataVolume(RedisBackend.DataVolume).WithPersistence()),
        RedisKind.External => builder.AddExternalRedis(name, tls),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private static RedisBackend AddExternalRedis(this IDistributedApplicationBuilder builder, string name, bool byTls)
    {
        IResourceBuilder<ParameterResource> address = builder.AddParameter($"{name}-address").WithDescription("Host and port of Redis, such as redis.example.net:6380. No cluster.");
        IResourceBuilder<ParameterResource> password = builder.AddParameter($"{name}-password", secret: true).WithDescription("Password of Redis.");
        // A parameter whose value is given here is not looked up in the configuration by Aspire.
        IResourceBuilder<ParameterResource> tls = builder.AddParameter($"{name}-tls", RedisListTrigger.Word(byTls), publishValueAsDefault: true).WithDescription("Whether Redis is reached over TLS: true or false.");
        return new(builder.AddConnectionString(name, ReferenceExpression.Create($"{address},password={password},ssl={tls}")), null, address, password, tls);
    }
}
