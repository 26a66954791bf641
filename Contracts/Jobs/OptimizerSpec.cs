using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Jobs;

public enum OptimizerKind { Sgd = 1, Adam = 2, [JsonStringEnumMemberName("adamw")] AdamW = 3, Adagrad = 4 }

/// <summary>Which values of the parameters a model file has.</summary>
public enum ExportedKind { Average = 1, Last = 2 }

public sealed record OptimizerSpec
{
    public OptimizerKind Kind { get; init; } = OptimizerKind.Adam;
    /// <value>Peak learning rate. Default 1e-3.</value>
    public double LearningRate { get; init; } = 1e-3;
    /// <value>Sgd only. Default 0.</value>
    public double Momentum { get; init; }
    public bool Nesterov { get; init; }
    public double WeightDecay { get; init; }
    public double Beta1 { get; init; } = 0.9;
    public double Beta2 { get; init; } = 0.999;
    public double Epsilon { get; init; } = 1e-8;
    /// <value>Largest global norm of the gradient; null: no clipping.</value>
    public double? ClipNorm { get; init; }
    /// <value>Parameters with numbers of their own; null: there are none.</value>
    public IReadOnlyList<ParameterGroup>? Groups { get; init; }
    /// <value>The part of the parameters' moving average that stays at each step, in (0, 1); null: none is kept.</value>
    public double? AverageDecay { get; init; }
    /// <value>Of a job with a moving average. Null: the average.</value>
    public ExportedKind? Exported { get; init; }

    /// <value>Whether the model file has the moving average.</value>
    [JsonIgnore]
    public bool ExportsAverage => AverageDecay is not null && Exported != ExportedKind.Last;
}

/// <summary>Parameters with a rate and a decay of their own.</summary>
public sealed record ParameterGroup
{
    /// <value>Of parameters; * stands for any characters, ? for one. A parameter is of the first group that names it.</value>
    public required IReadOnlyList<string> Names { get; init; }
    /// <value>What the learning rate is multiplied by; null: 1.</value>
    public double? Rate { get; init; }
    /// <value>Null: the optimizer's own.</value>
    public double? WeightDecay { get; init; }
}
