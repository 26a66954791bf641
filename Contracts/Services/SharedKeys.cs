using System.Security.Cryptography;

namespace Lockstep.Contracts.Services;

/// <summary>Keys and secrets that a caller shows, as the environment gives them.</summary>
public static class SharedKeys
{
    private const int Shortest = 16;
    private const int NewBytes = 32;

    /// <summary>A new one, which nobody can guess: 64 hexadecimal digits.</summary>
    public static string New() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NewBytes));

    /// <summary>What is wrong with one.</summary>
    /// <param name="name">Its variable.</param>
    /// <param name="value">Null or empty: there is none, which is allowed.</param>
    public static IEnumerable<InputError> Check(string name, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            yield break;
        }

        if (value.Length < Shortest)
        {
            yield return new InputError(InputException.ProcessEnvironment, 0, $"{name} has {Amount.Of(value.Length, "character")}, which can be guessed.", $"Give it at least {Shortest}, such as the output of: openssl rand -hex 32.");
        }

        if (value.Any(c => c is <= ' ' or > '~'))
        {
            yield return new InputError(InputException.ProcessEnvironment, 0, $"{name} has characters that cannot travel in a header.", "Use letters, digits and punctuation of ASCII, without spaces.");
        }
    }
}
