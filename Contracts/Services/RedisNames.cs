namespace Lockstep.Contracts.Services;

/// <summary>Keys in Redis that others than our services read.</summary>
public static class RedisNames
{
    /// <summary>A list whose length is the number of workers wanted now. The scheduler keeps it, scalers of a platform (KEDA) read it.</summary>
    public const string WantedWorkers = "lockstep:workers:wanted";
}
