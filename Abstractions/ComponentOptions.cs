using System.Globalization;

namespace Lockstep.Abstractions;

/// <summary>Values that a job file gives a model or a data source, by name. One that nobody asks for is an error of the job file.</summary>
/// <param name="values">As they were written.</param>
public sealed class ComponentOptions(IReadOnlyDictionary<string, string> values)
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    /// <value>Names that the job file gives and nobody asked for so far.</value>
    public IReadOnlyList<string> Unasked => [.. values.Keys.Where(name => !_asked.Contains(name))];

    /// <value>Names that were asked for so far.</value>
    public IReadOnlyList<string> Asked => [.. _asked.Order(StringComparer.Ordinal)];

    /// <summary>A text.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="usual">Where the job file does not give it; null: it must.</param>
    /// <exception cref="OptionException">It is missing.</exception>
    public string Text(string name, string? usual = null) => Find(name) ?? usual ?? throw new OptionException(name, "is missing");

    /// <summary>A whole number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="usual">Where the job file does not give it; null: it must.</param>
    /// <exception cref="OptionException">It is missing, or no whole number of 32 bits.</exception>
    public int Whole(string name, int? usual = null) => Find(name) is not { } text
        ? usual ?? throw new OptionException(name, "is missing")
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : throw new OptionException(name, $"is '{text}', which is no whole number");

    /// <summary>A number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="usual">Where the job file does not give it; null: it must.</param>
    /// <exception cref="OptionException">It is missing, or no finite number.</exception>
    public double Number(string name, double? usual = null) => Find(name) is not { } text
        ? usual ?? throw new OptionException(name, "is missing")
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value : throw new OptionException(name, $"is '{text}', which is no number");

    /// <summary>Yes or no.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="usual">Where the job file does not give it; null: it must.</param>
    /// <exception cref="OptionException">It is missing, or neither true nor false.</exception>
    public bool Flag(string name, bool? usual = null) => Find(name) is not { } text
        ? usual ?? throw new OptionException(name, "is missing")
        : bool.TryParse(text, out bool value) ? value : throw new OptionException(name, $"is '{text}', which is neither true nor false");

    private string? Find(string name)
    {
        _asked.Add(name);
        return values.GetValueOrDefault(name);
    }
}

/// <summary>An option of the job file is missing or cannot be.</summary>
/// <param name="option">Its name.</param>
/// <param name="problem">What is wrong with it, as the end of a sentence.</param>
public sealed class OptionException(string option, string problem) : Exception($"The option '{option}' {problem}.");
