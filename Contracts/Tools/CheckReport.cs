using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lockstep.Contracts.Tools;

/// <summary>What was found when a job's data and model were looked through.</summary>
/// <param name="Errors">Keep the job from being trained.</param>
/// <param name="Warnings">Do not, and nobody will have meant them.</param>
/// <param name="Data">Null: they cannot be read.</param>
/// <param name="Model">Null: it does not fit the data, or they cannot be read.</param>
public sealed record CheckReport(IReadOnlyList<InputError> Errors, IReadOnlyList<InputError> Warnings, CheckedData? Data, CheckedModel? Model)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <value>The identity of the worker program's own models and data sources, and of the job's TorchScript file; null: there is neither, or the job takes none.</value>
    public string? Code { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Options);

    /// <exception cref="JsonException">The text is no report.</exception>
    public static CheckReport FromJson(string json) => JsonSerializer.Deserialize<CheckReport>(json, Options) ?? throw new JsonException("The report is null.");
}

/// <summary>Data that could be read.</summary>
/// <param name="Train">Samples that are trained on.</param>
/// <param name="Validation">Samples that are measured; 0: there are none.</param>
/// <param name="Shape">Of one sample.</param>
/// <param name="Features">Names by feature; empty for images.</param>
/// <param name="Classes">Null: the labels are numbers.</param>
/// <param name="ClassNames">Empty where classes are numbers.</param>
/// <param name="Samples">The first training samples, prepared.</param>
public sealed record CheckedData(long Train, long Validation, IReadOnlyList<int> Shape, IReadOnlyList<string> Features, int? Classes, IReadOnlyList<string> ClassNames, IReadOnlyList<CheckedSample> Samples);

/// <param name="Features">The first ones.</param>
public sealed record CheckedSample(IReadOnlyList<float> Features, IReadOnlyList<float> Labels);

/// <summary>A model that fits the data.</summary>
/// <param name="StateBytes">Of parameters, buffers and the optimizer's state, over all shards.</param>
/// <param name="WorkerBytes">What one worker needs at least beside its program: model, gradient, and a slot's values between layers.</param>
/// <param name="StepsPerEpoch">Updates of one pass over the training data.</param>
public sealed record CheckedModel(IReadOnlyList<CheckedLayer> Layers, long Parameters, long Buffers, long StateBytes, long WorkerBytes, long StepsPerEpoch, long Steps);

/// <param name="Input">Shape of one sample that goes in.</param>
/// <param name="Output">Shape of one sample that comes out.</param>
public sealed record CheckedLayer(string Kind, IReadOnlyList<int> Input, IReadOnlyList<int> Output, long Parameters);
