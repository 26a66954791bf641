using System.Globalization;
using System.Text.RegularExpressions;

namespace Lockstep.Contracts.Jobs;

/// <summary>Checks a tree of nodes against the keys and reads their values; collects what is wrong and goes on.</summary>
internal sealed class JobReader(List<InputError> errors)
{
    /// <summary>More are not read by anybody, and a file of another kind has one a line.</summary>
    private const int MostErrors = 100;

    /// <summary>Edits between a key and the one that was meant.</summary>
    private const int FarthestMeant = 2;

    /// <summary>Checks a map and all below it.</summary>
    /// <returns>The good values by key; maps by their own values, lists as arrays. What was bad is missing.</returns>
    public JobValues Read(JobNode node, JobKey key)
    {
        var values = new JobValues(node);
        if (node is not JobMap map)
        {
            Report(node, $"'{key.Name}' must be {key.Expected}.", "Write it as keys and values, one a line.");
            return values;
        }

        var meant = new HashSet<string>(StringComparer.Ordinal);
        foreach (JobEntry entry in map.Entries.TakeWhile(_ => errors.Count <= MostErrors))
        {
            if (key.Keys.FirstOrDefault(k => k.Name == entry.Key) is not { } known)
            {
                meant.Add(Unknown(entry, key) ?? "");
            }
            else if (values.Given.Contains(entry.Key))
            {
                Note(new(entry.Value.File, entry.Line, $"'{entry.Key}' is there twice.", "Keep one."));
            }
            else if (entry.Value is not JobScalar { IsNull: true })
            {
                values.Given.Add(entry.Key);
                values.Add(entry.Key, entry.Value, Value(entry.Value, known));
            }
        }

        foreach (JobKey required in key.Keys.Where(k => k.Required && !values.Given.Contains(k.Name) && !meant.Contains(k.Name)))
        {
            Report(node, $"'{required.Name}' is missing{(key.Name == "job" ? "" : $" in '{key.Name}'")}.", $"Give {required.Expected}: {required.Meaning}");
        }

        return values;
    }

    private object? Value(JobNode node, JobKey key)
    {
        switch (key.Kind)
        {
            case ValueKind.Map:
                return Read(node, key);
            case ValueKind.Layer:
                return Layer(node);
            case ValueKind.Options:
                return node is JobMap options ? OptionsOf(options, key) : Bad(node, key);
            case ValueKind.Weights:
                return Weights(node, key);
            case ValueKind.List:
                if (node is JobMap)
                {
                    return Bad(node, key);
                }

                if (key.NotEmpty && node is JobList { Items.Count: 0 })
                {
                    Report(node, $"'{key.Name}' is an empty list.", $"Give at least one: {key.Meaning}");
                    return null;
                }

                // One value is a list of one.
                return (node is JobList list ? list.Items : [node]).Select(item => Value(item, key.Items! with { Name = key.Name })).ToArray();
            default:
                return node is JobScalar scalar ? Scalar(scalar, key) : Bad(node, key);
        }
    }

    /// <summary>Names of anybody's choice, with texts.</summary>
    private SortedDictionary<string, string> OptionsOf(JobMap map, JobKey key)
    {
        var options = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (JobEntry entry in map.Entries.TakeWhile(_ => errors.Count <= MostErrors))
        {
            if (entry.Value is not JobScalar { IsNull: false } scalar)
            {
                Report(entry.Value, $"'{entry.Key}' in '{key.Name}' is no single value.", "Give a text, a number, true or false.");
            }
            else if (!options.TryAdd(entry.Key, scalar.Text))
            {
                Note(new(entry.Value.File, entry.Line, $"'{entry.Key}' is there twice.", "Keep one."));
            }
        }

        return options;
    }

    private object? Scalar(JobScalar node, JobKey key)
    {
        switch (key.Kind)
        {
            case ValueKind.Text when key.Pattern is null ? node.Text.Length > 0 && !node.Text.Contains('\0') : IsMatch(node.Text, key.Pattern):
                return node.Text;
            case ValueKind.Word when key.Words.Contains(node.Text):
                return node.Text;
            case ValueKind.Flag when !node.Quoted && bool.TryParse(node.Text, out bool flag):
                return flag;
            case ValueKind.Whole when !node.Quoted && decimal.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal whole) && InRange((double)whole, key) && whole <= ulong.MaxValue && (key.Choices.Count == 0 || key.Choices.Any(choice => choice == whole)):
                return whole;
            case ValueKind.Number when !node.Quoted && double.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) && InRange(number, key):
                return number;
            default:
                return Bad(node, key);
        }
    }

    private object? Weights(JobNode node, JobKey key)
    {
        if (node is JobScalar { Text: ClassWeights.Balanced })
        {
            return new ClassWeights(null);
        }

        if (node is not JobMap map)
        {
            return Bad(node, key);
        }

        var weights = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (JobEntry entry in map.Entries.TakeWhile(_ => errors.Count <= MostErrors))
        {
            if (Value(entry.Value, key with { Kind = ValueKind.Number, Name = entry.Key }) is double weight && !weights.TryAdd(entry.Key, weight))
            {
                Note(new(entry.Value.File, entry.Line, $"'{entry.Key}' is there twice.", "Keep one."));
            }
        }

        return new ClassWeights(weights);
    }

    private JobValues? Layer(JobNode node)
    {
        if (node is JobList)
        {
            Report(node, "A layer is no list.", "Write its kind, or a map of kind and its keys.");
            return null;
        }

        JobNode map = node is JobScalar scalar ? new JobMap(node.File, node.Line, [new("kind", node.Line, scalar)]) : node;
        JobValues values = Read(map, JobKeys.Layer);
        if (values.Text("kind") is { } word)
        {
            LayerForm form = LayerForms.Of(JobWords.Parse<LayerKind>(word));
            foreach (string name in values.Given.Where(n => n != "kind" && !form.Keys.Contains(n)))
            {
                Note(new(node.File, values.LineOf(name), $"A {word} layer has no '{name}'.", form.Keys.Length == 0 ? "Remove it." : $"It has {string.Join(", ", form.Keys)}."));
            }

            foreach (JobKey required in JobKeys.Layer.Keys.Where(k => form.Required.Contains(k.Name) && !values.Given.Contains(k.Name)))
            {
                Report(map, $"A {word} layer needs '{required.Name}'.", $"Give {required.Expected}: {required.Meaning}");
            }
        }

        return values;
    }

    /// <returns>The key that was meant, where that can be guessed.</returns>
    private string? Unknown(JobEntry entry, JobKey parent)
    {
        // Two edits, but not so many that nothing of a short name is left.
        string? near = parent.Keys.Select(k => k.Name).OrderBy(name => Distance(name, entry.Key)).FirstOrDefault(name => Distance(name, entry.Key) <= Math.Min(FarthestMeant, name.Length / 2));
        string where = parent.Name == "job" ? "" : $" in '{parent.Name}'";
        Note(new(entry.Value.File, entry.Line, $"There is no key '{entry.Key}'{where}.", near is null ? $"The keys are {string.Join(", ", parent.Keys.Select(k => k.Name))}." : $"Did you mean '{near}'?"));
        return near;
    }

    private object? Bad(JobNode node, JobKey key)
    {
        string given = node switch { JobScalar scalar => $"'{scalar.Text}'", JobList => "a list", _ => "a map" };
        Report(node, $"'{key.Name}' is {given}.", key.Pattern is null ? $"Give {key.Expected}." : $"{key.Meaning}");
        return null;
    }

    private void Report(JobNode node, string message, string remedy) => Note(new(node.File, node.Line, message, remedy));

    private void Note(InputError error)
    {
        if (errors.Count <= MostErrors)
        {
            errors.Add(errors.Count < MostErrors ? error : new(error.File, error.Line, $"More than {MostErrors} things are wrong.", "Correct the first ones, and look again."));
        }
    }

    private static bool InRange(double value, JobKey key) =>
        (key.AboveMinimum ? value > key.Minimum : value >= key.Minimum) && (key.BelowMaximum ? value < key.Maximum : value <= key.Maximum);

    /// <summary>Whether all of a text matches: a dollar sign alone would let a line's end through, which JSON Schema does not.</summary>
    private static bool IsMatch(string text, string pattern) => Regex.Match(text, pattern, RegexOptions.None, TimeSpan.FromSeconds(1)) is { Success: true } match && match.Length == text.Length;

    /// <summary>Edits between two words, case aside; where their lengths say that there are too many, only that.</summary>
    private static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > FarthestMeant)
        {
            return int.MaxValue;
        }

        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                int change = char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1;
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + change);
                diagonal = above;
            }
        }

        return row[b.Length];
    }
}

/// <summary>The values of a map that were good.</summary>
internal sealed class JobValues(JobNode node)
{
    private readonly Dictionary<string, (JobNode Node, object? Value)> _values = new(StringComparer.Ordinal);

    /// <value>Keys that are there, with good values or bad.</value>
    public HashSet<string> Given { get; } = new(StringComparer.Ordinal);

    public string File => node.File;
    public int Line => node.Line;

    public void Add(string key, JobNode at, object? value) => _values[key] = (at, value);

    public int LineOf(string key) => _values.TryGetValue(key, out var found) ? found.Node.Line : node.Line;

    public string FileOf(string key) => _values.TryGetValue(key, out var found) ? found.Node.File : node.File;

    /// <value>Whether this is a map: neither missing nor another kind of value.</value>
    public bool IsMap => node is JobMap;

    /// <summary>The values of a map; none, at this place, where there is no such key.</summary>
    public JobValues Map(string key) => Get(key) as JobValues ?? new JobValues(new JobScalar(node.File, node.Line, "", Quoted: false));

    /// <summary>Whether a key was left out or has a good value, so that its default or value can be relied on.</summary>
    public bool IsKnown(string key) => !Given.Contains(key) || Get(key) is not null;

    public string? Text(string key) => Get(key) as string;

    public T? Word<T>(string key) where T : struct, Enum => Text(key) is { } word ? JobWords.Parse<T>(word) : null;

    public double? Number(string key) => Get(key) as double?;

    public decimal? Whole(string key) => Get(key) as decimal?;

    public int? Int(string key) => (int?)Whole(key);

    public ClassWeights? Weights(string key) => Get(key) as ClassWeights;

    public bool? Flag(string key) => Get(key) as bool?;

    /// <returns>Null where there are none.</returns>
    public IReadOnlyDictionary<string, string>? Options(string key) => Get(key) is SortedDictionary<string, string> { Count: > 0 } options ? options : null;

    /// <summary>The items of a list that were good.</summary>
    public IReadOnlyList<T> List<T>(string key) => Get(key) is object?[] items ? [.. items.OfType<T>()] : [];

    private object? Get(string key) => _values.TryGetValue(key, out var found) ? found.Value : null;
}
