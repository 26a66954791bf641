using Lockstep.Abstractions;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Lockstep.Training.Tests.Own;

/// <summary>A residual block between two layers, with batch norm and dropout: nested names, buffers, a counter.</summary>
internal sealed class ResidualNet : Module<Tensor, Tensor>
{
    private readonly Linear first;
    private readonly Block block;
    private readonly Linear last;

    public ResidualNet(ModelContext context) : base("residual")
    {
        int width = context.Options.Whole("width", 8);
        first = Linear(context.Inputs[0].Length, width);
        block = new Block(width);
        last = Linear(width, context.Outputs!.Value);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => last.forward(block.forward(first.forward(input)));

    private sealed class Block : Module<Tensor, Tensor>
    {
        private readonly Linear inner;
        private readonly BatchNorm1d norm;
        private readonly Dropout drop;

        public Block(int width) : base("block")
        {
            inner = Linear(width, width);
            norm = BatchNorm1d(width);
            drop = Dropout(0.25);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => input + drop.forward(functional.relu(norm.forward(inner.forward(input))));
    }
}

/// <summary>Two inputs, one of them indexes; a frozen parameter, a shared one and one that nothing uses; a loss and metrics of its own.</summary>
internal sealed class PairNet : Module, ILockstepModel, IModelLoss, IModelMetrics
{
    private readonly Embedding words;
    private readonly Linear mix;
    private readonly Linear again;
    private readonly Parameter frozen;
    private readonly Parameter unused;
    private readonly Tensor mask;

    public PairNet() : base("pair")
    {
        words = Embedding(5, 3);
        mix = Linear(3, 3, hasBias: false);
        again = Linear(3, 3, hasBias: false);
        again.weight = mix.weight;
        frozen = new Parameter(ones(3), requires_grad: false);
        unused = new Parameter(ones(2));
        mask = tensor(new[] { 0f, 0f, float.NegativeInfinity });
        RegisterComponents();
    }

    public IReadOnlyList<string> Metrics => ["distance"];

    public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> inputs) => new Dictionary<string, Tensor>
    {
        ["scores"] = again.forward(functional.tanh(mix.forward(words.forward(inputs["word"]).sum(1) + inputs["numbers"]))) * frozen,
        ["masked"] = (inputs["numbers"] + mask).softmax(1),
    };

    public Tensor Loss(IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels) =>
        (outputs["scores"] - labels["target"]).pow(2).mean([1]) + (0 * outputs["masked"].sum(1));

    public Tensor Measure(string metric, IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels) => (outputs["scores"] - labels["target"]).abs().amax([1]);
}

/// <summary>What a test of a bad module wants to go wrong.</summary>
internal sealed class BadNet : Module<Tensor, Tensor>
{
    private readonly string _fault;
    private readonly Linear layer;

    public BadNet(ModelContext context) : base("bad")
    {
        _fault = context.Options.Text("fault");
        if (_fault == "constructor")
        {
            throw new InvalidOperationException("no such thing");
        }

        layer = Linear(context.Inputs[0].Length, _fault == "outputs" ? 7 : context.Outputs ?? 1);
        if (_fault == "random")
        {
            using var noGrad = no_grad();
            layer.weight!.fill_(Random.Shared.NextSingle());
        }

        if (_fault != "unregistered")
        {
            RegisterComponents();
        }
    }

    public override Tensor forward(Tensor input)
    {
        if (_fault == "late")
        {
            register_parameter("late", new Parameter(ones(1)));
        }

        return _fault switch
        {
            "forward" => throw new InvalidOperationException("forward is broken"),
            "shape" => functional.linear(input, ones(1, 1)),
            "detached" => layer.forward(input).detach(),
            _ => layer.forward(input),
        };
    }
}
