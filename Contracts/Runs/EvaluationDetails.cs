using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Runs;

/// <summary>What an evaluation says beside one number a metric.</summary>
public sealed record EvaluationDetails
{
    /// <value>By class; null: none of the metrics counts classes.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ClassResult>? Classes { get; init; }

    /// <value>Samples by the class that they are of, then by the class that the model says; null: not wanted.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<IReadOnlyList<long>>? Confusion { get; init; }

    /// <value>By metric: why it cannot be had, or what is to be known of its number; null: nothing.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Remarks { get; init; }
}

/// <summary>How well one class is told from the others. What would be a fraction of nothing is 0.</summary>
/// <param name="Samples">That are of it.</param>
/// <param name="Predicted">That the model says are of it.</param>
/// <param name="Precision">Of those that it says are, the fraction that is.</param>
/// <param name="Recall">Of those that are, the fraction that it says is.</param>
/// <param name="F1">The harmonic mean of both.</param>
public sealed record ClassResult(string Class, long Samples, long Predicted, double Precision, double Recall, double F1);
