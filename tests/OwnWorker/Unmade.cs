using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OwnModel.Worker;

/// <summary>A module that nobody but its own program can construct.</summary>
public sealed class Unmade(int width) : Module<Tensor, Tensor>("unmade")
{
    public override Tensor forward(Tensor input) => input * width;
}
