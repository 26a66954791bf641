using Lockstep.Contracts.Services;

namespace Lockstep.AppHost;

/// <summary>KEDA's trigger on the list whose length is the number of workers wanted: one worker for each entry.</summary>
/// <remarks>https://keda.sh/docs/latest/scalers/redis-lists/</remarks>
internal sealed class RedisListTrigger
{
    public const string Kind = "redis";
    public const string AddressVariable = "REDIS_ADDRESS";

    /// <summary>The variable that a reference to Redis sets too.</summary>
    public const string PasswordVariable = "REDIS_PASSWORD";

    private RedisListTrigger(Dictionary<string, string> metadata) => Metadata = metadata;

    public string Type { get; } = Kind;

    public Dictionary<string, string> Metadata { get; }

    /// <summary>What every platform's rule says.</summary>
    public static Dictionary<string, string> ListMetadata(bool tls) => new(StringComparer.Ordinal)
    {
        ["listName"] = RedisNames.WantedWorkers,
        ["listLength"] = "1",
        ["enableTLS"] = tls ? "true" : "false",
    };

    public static RedisListTrigger InCluster(string address)
    {
        Dictionary<string, string> metadata = ListMetadata(tls: false);
        metadata["address"] = address;
        metadata["passwordFromEnv"] = PasswordVariable;
        return new(metadata);
    }

    /// <summary>Address and password are read from the environment of the workers.</summary>
    public static RedisListTrigger External()
    {
        Dictionary<string, string> metadata = ListMetadata(tls: true);
        metadata["addressFromEnv"] = AddressVariable;
        metadata["passwordFromEnv"] = PasswordVariable;
        return new(metadata);
    }
}
