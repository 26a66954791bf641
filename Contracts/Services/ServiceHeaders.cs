namespace Lockstep.Contracts.Services;

/// <summary>Headers of the calls between services.</summary>
public static class ServiceHeaders
{
    /// <summary>Carries the secret that the services of one fleet share.</summary>
    public const string Secret = "lockstep-secret";
}
