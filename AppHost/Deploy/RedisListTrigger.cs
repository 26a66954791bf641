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

    public const string TlsKey = "enableTLS";

    /// <summary>What every platform's rule says.</summary>
    public static Dictionary<string, string> ListMetadata() => new(StringComparer.Ordinal)
    {
        ["listName"] = new RedisKeys().WantedWorkers,
        ["listLength"] = "1",
    };

    /// <summary>As KEDA and the client of Redis write it.</summary>
    public static string Word(bool flag) => flag ? "true" : "false";

    public static RedisListTrigger InCluster(string address)
    {
        Dictionary<string, string> metadata = ListMetadata();
        metadata[TlsKey] = Word(false);
        metadata["address"] = address;
        metadata["passwordFromEnv"] = PasswordVariable;
        return new(metadata);
    }

    /// <summary>Address and password are read from the environment of the workers.</summary>
    public static RedisListTrigger External(bool tls)
    {
        Dictionary<string, string> metadata = ListMetadata();
        metadata[TlsKey] = Word(tls);
        metadata["addressFromEnv"] = AddressVariable;
        metadata["passwordFromEnv"] = PasswordVariable;
        return new(metadata);
    }
}
