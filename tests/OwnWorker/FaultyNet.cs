using Lockstep.Abstractions;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OwnModel.Worker;

/// <summary>A module that throws in the member that its option names.</summary>
public sealed class FaultyNet : Module, ILockstepModel, IModelLoss
{
    private readonly string _fault;
    private readonly Linear head;

    public FaultyNet(ModelContext context) : base("faulty")
    {
        _fault = context.Options.Text("fault");
        if (_fault == "constructor")
        {
            throw new NotSupportedException("the constructor cannot be");
        }

        head = Linear(context.Inputs[0].Length, 4);
        RegisterComponents();
    }

    public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> inputs)
    {
        if (_fault == "forward")
        {
            throw new NotSupportedException("the forward cannot be");
        }

        return ModelOutputs.Of(head.forward(inputs.Values.First().flatten(1)));
    }

    public Tensor Loss(IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels)
    {
        if (_fault == "loss")
        {
            throw new NotSupportedException("the loss cannot be");
        }

        return functional.cross_entropy(outputs["output"], labels.Values.First().flatten(), reduction: Reduction.None);
    }
}
