using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;

namespace Lockstep.Training;

/// <summary>Where a layer stands, and what it makes there.</summary>
/// <param name="Path">Prefix of its tensors' names, such as <c>3.layers.0</c>.</param>
/// <param name="Number">Its place for people, such as 4.1.</param>
/// <param name="Input">Shape of one sample that goes in.</param>
/// <param name="IsFirst">Whether the model's own input goes in.</param>
/// <param name="IsLast">Whether what comes out is the model's.</param>
/// <param name="Tensors">Of the model so far.</param>
internal sealed record LayerPlace(LayerSpec Spec, string Path, string Number, IReadOnlyList<int> Input, bool IsFirst, bool IsLast, ModelNeeds Needs, List<LayerTensor> Tensors)
{
    /// <summary>Adds a parameter to the model.</summary>
    public LayerTensor Parameter(string name, InitialValues initial, params int[] shape) => Add(name, TensorKind.Parameter, initial, shape);

    /// <summary>Adds to the model what is no parameter.</summary>
    public LayerTensor Buffer(string name, InitialValues initial, params int[] shape) => Add(name, TensorKind.Buffer, initial, shape);

    /// <summary>The place of a layer that this one is made of, and which is not in the job file.</summary>
    public LayerPlace Part(string name, LayerSpec spec, IReadOnlyList<int> input) => this with { Spec = spec with { Line = Spec.Line }, Path = $"{Path}.{name}", Input = input, IsFirst = false, IsLast = false };

    /// <exception cref="InputException">The condition does not hold.</exception>
    public void Require(bool condition, string problem, string remedy)
    {
        if (!condition)
        {
            throw new InputException(InputException.JobFile, Spec.Line, $"Layer {Number} ({JobWords.Of(Spec.Kind)}) {problem}; its input is {Shapes.Text(Input)}.", remedy);
        }
    }

    /// <summary>Requires a sequence, [steps, width].</summary>
    public void RequireSequence() => Require(Input.Count == 2, "needs a sequence, [steps, width]", "Give the model's 'input' that shape, or begin with an embedding.");

    /// <summary>Requires [channels, height, width].</summary>
    public void RequireImage() => Require(Input.Count == 3, "needs [channels, height, width]", "Give the model's 'input' that shape, and put flatten after it.");

    private LayerTensor Add(string name, TensorKind kind, InitialValues initial, int[] shape)
    {
        var tensor = new LayerTensor(Tensors.Count, new TensorSpec($"{Path}.{name}", kind, shape), initial);
        Tensors.Add(tensor);
        return tensor;
    }
}
