using System.Globalization;

namespace Lockstep.Contracts;

/// <summary>Numbers of things, in English.</summary>
public static class Amount
{
    /// <param name="one">The word for one thing, whose plural ends in an s.</param>
    /// <returns>Such as <c>1 worker</c>, <c>0 workers</c>, <c>12 workers</c>.</returns>
    public static string Of(long count, string one) => string.Create(CultureInfo.InvariantCulture, $"{count} {one}{(count == 1 ? "" : "s")}");
}
