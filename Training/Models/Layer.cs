using Lockstep.Contracts.Jobs;

namespace Lockstep.Training;

/// <summary>A layer whose shapes are known and whose defaults are filled in.</summary>
/// <param name="Index">Position in the model; prefix of its tensors' names, as in torch's Sequential.</param>
/// <param name="Input">Shape of one sample that goes in.</param>
/// <param name="Output">Shape of one sample that comes out.</param>
/// <param name="FirstTensor">Index of its first tensor in the model, −1 where it has none.</param>
/// <param name="Bias">Linear and conv2d: whether there is a bias.</param>
internal sealed record Layer(
    int Index, LayerKind Kind, int Line, IReadOnlyList<int> Input, IReadOnlyList<int> Output, int FirstTensor,
    int Kernel, int Stride, int Padding, double P, double Epsilon, double Momentum, bool Bias);
