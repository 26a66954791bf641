using Lockstep.Abstractions;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OwnModel.Worker;

/// <summary>A small residual network: a convolution, blocks with a shortcut, the mean over each channel, and a linear layer. <c>model.options</c>: width and blocks.</summary>
public sealed class ResidualCnn : Module<Tensor, Tensor>
{
    private readonly Conv2d stem;
    private readonly Sequential blocks;
    private readonly Dropout drop;
    private readonly Linear head;

    public ResidualCnn(ModelContext context) : base("residual-cnn")
    {
        int width = context.Options.Whole("width", 16);
        stem = Conv2d(context.Inputs[0].Shape[0], width, 3, padding: 1);
        blocks = Sequential([.. Enumerable.Range(0, context.Options.Whole("blocks", 2)).Select(i => ($"{i}", (Module<Tensor, Tensor>)new Block(width)))]);
        drop = Dropout(0.1);
        head = Linear(width, context.Outputs!.Value);
        RegisterComponents();
    }

    public override Tensor forward(Tensor picture)
    {
        Tensor x = functional.max_pool2d(functional.relu(stem.forward(picture)), 2);
        return head.forward(drop.forward(blocks.forward(x).mean([2, 3])));
    }

    private sealed class Block : Module<Tensor, Tensor>
    {
        private readonly Conv2d first;
        private readonly BatchNorm2d norm;
        private readonly Conv2d second;

        public Block(int width) : base("block")
        {
            first = Conv2d(width, width, 3, padding: 1, bias: false);
            norm = BatchNorm2d(width);
            second = Conv2d(width, width, 3, padding: 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => functional.relu(x + second.forward(functional.relu(norm.forward(first.forward(x)))));
    }
}
