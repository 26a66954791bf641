using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>One pass through a model: the values of its tensors.</summary>
/// <param name="values">In the model's order.</param>
/// <param name="modules">Of layers that are modules of torch, by path.</param>
internal sealed class LayerCall(Tensor[] values, IReadOnlyDictionary<string, torch.nn.Module> modules)
{
    /// <value>Whether dropout drops and batch norm goes by the batch.</value>
    public bool IsTraining { get; set; }

    public Tensor this[LayerTensor tensor] => values[tensor.Index];

    /// <summary>A tensor that may be missing.</summary>
    public Tensor? Of(LayerTensor? tensor) => tensor is null ? null : values[tensor.Index];

    public T Module<T>(string path) where T : torch.nn.Module => (T)modules[path];
}
