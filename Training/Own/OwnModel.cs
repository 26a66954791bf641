using Lockstep.Abstractions;
using Lockstep.Contracts;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>A module of the worker program's own: its calls are guarded, and what they give is looked at.</summary>
/// <param name="module">Stays the caller's.</param>
/// <param name="outputs">Shape of what the job's loss needs for one sample; null: the loss is the module's own.</param>
internal sealed class OwnModel(string name, torch.nn.Module module, IReadOnlyList<DataField> inputs, IReadOnlyList<int>? outputs) : ILockstepModel, IModelLoss, IModelMetrics
{
    private readonly string[] _names = [.. inputs.Select(field => field.Name)];

    public IReadOnlyList<string> Metrics { get; } = module is IModelMetrics measured ? measured.Metrics : [];

    /// <summary>Whether a class can be called with what the data have, and has what the job wants.</summary>
    /// <exception cref="InputException">It cannot.</exception>
    public void Check(bool wantsLoss, IReadOnlyList<string> metrics)
    {
        int? takes = module switch
        {
            ILockstepModel => null,
            torch.nn.Module<Tensor, Tensor> => 1,
            torch.nn.Module<Tensor, Tensor, Tensor> => 2,
            torch.nn.Module<Tensor, Tensor, Tensor, Tensor> => 3,
            _ => 0,
        };
        if (takes == 0)
        {
            throw Error($"is a {module.GetType().Name}, which is no module of tensors", $"Derive it from nn.Module<Tensor, Tensor>, or let it be an {nameof(ILockstepModel)}.");
        }

        if (takes is { } count && count != _names.Length)
        {
            throw Error($"takes {Amount.Of(count, "tensor")}, and the data have {Amount.Of(_names.Length, "input")} ({string.Join(", ", _names)})", $"Let it be an {nameof(ILockstepModel)}, which takes inputs by name.");
        }

        if (wantsLoss && module is not IModelLoss)
        {
            throw Error("has no loss of its own, which 'loss: model' asks for", $"Let it be an {nameof(IModelLoss)}, or name one of the losses.");
        }

        string[] missing = [.. metrics.Except(Metrics)];
        if (missing.Length > 0)
        {
            throw Error($"has no metric {string.Join(", ", missing)}; it has {(Metrics.Count == 0 ? "none" : string.Join(", ", Metrics))}", $"Correct 'model.metrics', or let the module be an {nameof(IModelMetrics)} that has it.");
        }
    }

    public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> values)
    {
        IReadOnlyDictionary<string, Tensor> given = UserCode.Run(() => Call(values), $"The forward pass of the model '{name}'");
        if (outputs is { } wanted)
        {
            ForeignOutput.Check(name, given, values[_names[0]].size(0), wanted);
        }

        return given;
    }

    public Tensor Loss(IReadOnlyDictionary<string, Tensor> given, IReadOnlyDictionary<string, Tensor> labels) =>
        One(UserCode.Run(() => ((IModelLoss)module).Loss(given, labels), $"The loss of the model '{name}'"), given, "loss", mustBeFloat: true);

    public Tensor Measure(string metric, IReadOnlyDictionary<string, Tensor> given, IReadOnlyDictionary<string, Tensor> labels) =>
        One(UserCode.Run(() => ((IModelMetrics)module).Measure(metric, given, labels), $"The metric '{metric}' of the model '{name}'"), given, $"metric '{metric}'", mustBeFloat: false);

    private Tensor One(Tensor value, IReadOnlyDictionary<string, Tensor> given, string what, bool mustBeFloat)
    {
        long samples = given.Values.First().size(0);
        return value.dim() == 1 && value.size(0) == samples && (!mustBeFloat || value.dtype == torch.ScalarType.Float32)
            ? value
            : throw Error($"has a {what} that gives [{string.Join(", ", value.shape)}] of {value.dtype} for {Amount.Of(samples, "sample")}", $"Give one{(mustBeFloat ? " float32" : "")} a sample, [{samples}]: with torch's losses by reduction: Reduction.None.");
    }

    private IReadOnlyDictionary<string, Tensor> Call(IReadOnlyDictionary<string, Tensor> values) => module switch
    {
        ILockstepModel model => model.Forward(values),
        torch.nn.Module<Tensor, Tensor> one => ModelOutputs.Of(one.call(values[_names[0]])),
        torch.nn.Module<Tensor, Tensor, Tensor> two => ModelOutputs.Of(two.call(values[_names[0]], values[_names[1]])),
        torch.nn.Module<Tensor, Tensor, Tensor, Tensor> three => ModelOutputs.Of(three.call(values[_names[0]], values[_names[1]], values[_names[2]])),
        _ => throw new InvalidOperationException($"The module {module.GetType()} was not refused when the model was built."),
    };

    private InputException Error(string problem, string remedy) => new(InputException.JobFile, 0, $"The model '{name}' {problem}.", remedy);
}
