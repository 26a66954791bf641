using System.Security.Cryptography;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.Configuration;

namespace Lockstep.ServiceDefaults.Access;

/// <summary>The API key and the services' secret, as the environment gives them; only their hashes are kept.</summary>
internal sealed class AccessKeys
{
    private readonly byte[]? _apiKey;
    private readonly byte[]? _secret;

    private AccessKeys(string? apiKey, string? secret)
    {
        _apiKey = HashOf(apiKey);
        _secret = HashOf(secret);
    }

    public bool HasApiKey => _apiKey is not null;

    public bool HasSecret => _secret is not null;

    /// <exception cref="InputException">One of them is too short, or cannot travel in a header.</exception>
    public static AccessKeys From(IConfiguration configuration)
    {
        string? apiKey = configuration[EnvironmentNames.ApiKey];
        string? secret = configuration[EnvironmentNames.Secret];
        InputError[] errors = [.. SharedKeys.Check(EnvironmentNames.ApiKey, apiKey), .. SharedKeys.Check(EnvironmentNames.Secret, secret)];
        return errors.Length == 0 ? new AccessKeys(apiKey, secret) : throw new InputException(errors);
    }

    /// <summary>Whether a caller may go in. Where nothing is configured, only this machine's own callers may.</summary>
    /// <param name="shown">What the caller showed; null: nothing.</param>
    /// <param name="isLocal">The call comes from this machine, through no proxy.</param>
    public bool Allow(AccessNeed need, string? shown, bool isLocal) => need switch
    {
        AccessNeed.Nothing => true,
        AccessNeed.Secret => Matches(_secret, shown, isLocal),
        _ => Matches(_apiKey, shown, isLocal),
    };

    // Hashes are equally long, and comparing them takes as long whatever was shown.
    private static bool Matches(byte[]? wanted, string? shown, bool isLocal) =>
        wanted is null ? isLocal : HashOf(shown) is { } hash && CryptographicOperations.FixedTimeEquals(wanted, hash);

    private static byte[]? HashOf(string? text) => string.IsNullOrEmpty(text) ? null : SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
