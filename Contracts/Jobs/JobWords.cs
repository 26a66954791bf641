using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Jobs;

/// <summary>How values are written in job files.</summary>
public static class JobWords
{
    /// <summary>The word of an enum's value: kebab case, or as its attribute says.</summary>
    public static string Of<T>(T value) where T : struct, Enum =>
        typeof(T).GetField(value.ToString())?.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    /// <summary>All words of an enum, in its order.</summary>
    public static IReadOnlyList<string> All<T>() where T : struct, Enum => [.. Enum.GetValues<T>().Select(Of)];

    /// <exception cref="ArgumentException">There is no such word.</exception>
    public static T Parse<T>(string word) where T : struct, Enum =>
        Enum.GetValues<T>().Where(v => Of(v) == word).Cast<T?>().FirstOrDefault() ?? throw new ArgumentException($"'{word}' is none of {string.Join(", ", All<T>())}.", nameof(word));

    internal static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
