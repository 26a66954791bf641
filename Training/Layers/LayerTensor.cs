using Lockstep.Core.Layout;

namespace Lockstep.Training;

/// <summary>A tensor of a layer.</summary>
/// <param name="Index">Its place among the model's.</param>
internal sealed record LayerTensor(int Index, TensorSpec Spec, InitialValues Initial);
