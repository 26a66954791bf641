using Lockstep.Contracts.Jobs;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>A layer whose shapes are known. Making one checks them and needs no libtorch.</summary>
internal abstract class Layer(LayerPlace place)
{
    private readonly int _firstTensor = place.Tensors.Count;

    public LayerKind Kind => place.Spec.Kind;

    /// <value>In the job file; 0: it is not there.</value>
    public int Line => place.Spec.Line;

    /// <value>Prefix of its tensors' names.</value>
    public string Path => place.Path;

    /// <value>Shape of one sample that goes in.</value>
    public IReadOnlyList<int> Input => place.Input;

    /// <value>Shape of one sample that comes out.</value>
    public IReadOnlyList<int> Output { get; protected init; } = place.Input;

    /// <value>Numbers of one sample that are kept for the way back, what comes out among them.</value>
    public virtual long Kept => Shapes.Product(Output);

    /// <value>The fewest samples that a slot may have (an empty one aside).</value>
    public virtual int MinimumSlotSamples => 1;

    /// <value>Layers within it.</value>
    public virtual IEnumerable<Layer> Inner => [];

    /// <summary>This and all layers within it.</summary>
    public IEnumerable<Layer> All => Inner.SelectMany(layer => layer.All).Prepend(this);

    /// <value>Its tensors and those within it; known once it is made.</value>
    public Range Tensors { get; private set; }

    /// <summary>Says that it is made.</summary>
    public void Close() => Tensors = _firstTensor..place.Tensors.Count;

    /// <param name="x">[samples, …Input]</param>
    /// <returns>[samples, …Output]; belongs to the caller's dispose scope.</returns>
    public abstract Tensor Forward(LayerCall call, Tensor x);

    /// <summary>Adds what <see cref="Forward"/> does when it does not train.</summary>
    /// <param name="x">A value of the graph, as Forward takes it.</param>
    /// <returns>The value that comes out.</returns>
    public abstract string Export(OnnxGraph graph, string x);

    /// <summary>A module of torch that holds its tensors, where there is no function that takes them.</summary>
    public virtual torch.nn.Module? MakeModule() => null;
}
