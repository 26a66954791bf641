namespace Lockstep.Contracts.Jobs;

internal enum ValueKind { Text = 1, Whole = 2, Number = 3, Flag = 4, Word = 5, List = 6, Map = 7, Layer = 8, Options = 9, Weights = 10 }

/// <summary>One key of the job file: what it takes and what it means. The reader, the schema and the documentation's table come from these.</summary>
internal sealed record JobKey(string Name, ValueKind Kind, string Meaning)
{
    /// <summary>A maximum that says only how long a number is in memory.</summary>
    private const double NoBound = long.MaxValue;

    public bool Required { get; init; }
    public double Minimum { get; init; } = double.NegativeInfinity;
    public double Maximum { get; init; } = double.PositiveInfinity;
    /// <value>The minimum itself is not allowed.</value>
    public bool AboveMinimum { get; init; }
    /// <value>The maximum itself is not allowed.</value>
    public bool BelowMaximum { get; init; }
    /// <value>Regular expression of a text.</value>
    public string? Pattern { get; init; }
    public IReadOnlyList<string> Words { get; init; } = [];
    /// <value>The only whole numbers that there are; empty: all in range.</value>
    public IReadOnlyList<int> Choices { get; init; } = [];
    /// <value>What a list holds.</value>
    public JobKey? Items { get; init; }
    /// <value>The list cannot be empty.</value>
    public bool NotEmpty { get; init; }
    public IReadOnlyList<JobKey> Keys { get; init; } = [];
    public string? Default { get; init; }

    /// <summary>The values in words, such as "a whole number, 1 to 65536".</summary>
    public string Expected => Kind switch
    {
        ValueKind.Text => "a text",
        ValueKind.Whole when Choices.Count > 0 => string.Join(" or ", Choices),
        ValueKind.Whole => "a whole number" + Range(),
        ValueKind.Number => "a number" + Range(),
        ValueKind.Flag => "true or false",
        ValueKind.Word => "one of " + string.Join(", ", Words),
        ValueKind.List => $"a list of {Items!.Kind switch { ValueKind.Whole => "whole numbers", ValueKind.Word => "these: " + string.Join(", ", Items.Words), ValueKind.Layer => "layers", ValueKind.List => "rows of layers", ValueKind.Map => $"maps of {string.Join(", ", Items.Keys.Select(k => k.Name))}", _ => Items.Name switch { "path" => "paths", "text" => "texts", _ => "names" } }}",
        ValueKind.Options => "a map of names and values",
        ValueKind.Weights => $"{ClassWeights.Balanced}, or a map of class and number{Range()}",
        _ => "a map of " + string.Join(", ", Keys.Select(k => k.Name)),
    };

    private string Range()
    {
        string low = double.IsInfinity(Minimum) ? "" : AboveMinimum ? $"above {JobWords.Text(Minimum)}" : $"{JobWords.Text(Minimum)} or more";
        string high = double.IsInfinity(Maximum) || Maximum == NoBound ? "" : BelowMaximum ? $"below {JobWords.Text(Maximum)}" : $"at most {JobWords.Text(Maximum)}";
        string text = string.Join(" and ", new[] { low, high }.Where(t => t.Length > 0));
        return text.Length > 0 ? ", " + text : "";
    }
}
