using System.Text.RegularExpressions;

namespace Lockstep.Contracts;

/// <summary>Addresses and connections as they may be shown.</summary>
public static partial class Secrets
{
    /// <returns>The text with placeholders for what stands before the @ of an address, and after <c>password=</c>.</returns>
    public static string Hide(string text) => Passwords().Replace(Users().Replace(text, "USER:PASSWORD@"), "${key}PASSWORD");

    // To the last @: a password may have one in it.
    [GeneratedRegex(@"(?<=://)[^\s'""]*@", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Users();

    [GeneratedRegex(@"(?<key>\b(password|pwd)\s*=)[^,'""]*", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Passwords();
}
