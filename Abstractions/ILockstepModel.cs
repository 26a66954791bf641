using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Abstractions;

/// <summary>
/// The forward pass of a module with any inputs and outputs, by name. A module that is an <c>nn.Module&lt;Tensor, Tensor&gt;</c> (or takes two or three tensors) need not have it:
/// its inputs are then those of the data, in their order, and its output is called <see cref="ModelOutputs.Usual"/>.
/// </summary>
/// <remarks>
/// Parameters and buffers are found as torch finds them: register them, or call <c>RegisterComponents()</c> at the end of each constructor, and change their number never after.
/// The forward pass is a function of the inputs, the parameters, the buffers and torch's seeded generator, and of nothing else. What does not require a gradient is not trained.
/// A class of one's own has a public constructor without parameters, or with one <see cref="ModelContext"/>. It runs under the job's seed: torch's own initial values are the same in every worker.
/// </remarks>
public interface ILockstepModel
{
    /// <summary>Evaluates the module, in the mode that it is in.</summary>
    /// <param name="inputs">By field: [samples, …shape].</param>
    /// <returns>By name; the losses and metrics of the job file take <see cref="ModelOutputs.Usual"/>, or the only one.</returns>
    IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> inputs);
}

/// <summary>A module that brings its own loss, for jobs with <c>loss: model</c>.</summary>
public interface IModelLoss
{
    /// <summary>The loss of each sample: the step's loss is their mean, whoever computes which of them.</summary>
    /// <param name="outputs">What the forward pass gave.</param>
    /// <param name="labels">By field: [samples, …shape].</param>
    /// <returns>[samples], float32.</returns>
    Tensor Loss(IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels);
}

/// <summary>A module that brings metrics of its own, which the job names in <c>model.metrics</c>.</summary>
public interface IModelMetrics
{
    /// <value>Names: lower-case letters, digits, dashes and underscores.</value>
    IReadOnlyList<string> Metrics { get; }

    /// <summary>The values of each sample; what is told is their mean over all samples, added in float64 in their order.</summary>
    /// <param name="metric">One of <see cref="Metrics"/>.</param>
    /// <param name="outputs">What the forward pass gave.</param>
    /// <param name="labels">By field: [samples, …shape].</param>
    /// <returns>[samples], of any type of numbers.</returns>
    Tensor Measure(string metric, IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels);
}

/// <summary>Names of outputs.</summary>
public static class ModelOutputs
{
    /// <summary>The output that the losses and metrics of the job file take: [samples, outputs], plain (logits) where the loss is a cross-entropy.</summary>
    public const string Usual = "output";

    /// <summary>A dictionary of that one output.</summary>
    /// <param name="output">[samples, outputs]</param>
    public static IReadOnlyDictionary<string, Tensor> Of(Tensor output) => new Dictionary<string, Tensor>(1, StringComparer.Ordinal) { [Usual] = output };
}
