namespace Lockstep.Contracts.Jobs;

/// <summary>Names of presets, and the keys of <c>model</c> that each has beside <c>preset</c> and <c>input</c>.</summary>
internal static class PresetForms
{
    public static IReadOnlyDictionary<string, string[]> Keys { get; } = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["mlp"] = ["hidden"],
        ["cnn"] = [],
        ["resnet"] = ["depth", "width"],
        ["transformer"] = ["depth", "width", "heads", "dropout"],
        ["tabular"] = ["hidden", "dropout"],
    };

    /// <summary>Keys that belong to some preset.</summary>
    public static IReadOnlyList<string> AllKeys { get; } = [.. Keys.Values.SelectMany(keys => keys).Distinct()];

    /// <summary>The presets that have a key, for messages.</summary>
    public static IEnumerable<string> With(string key) => Keys.Where(preset => preset.Value.Contains(key)).Select(preset => preset.Key);
}
