using Lockstep.Abstractions;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OwnModel.Worker;

/// <summary>A module whose slots are no pure functions, in the way that its option says.</summary>
public sealed class ImpureNet : Module<Tensor, Tensor>
{
    private readonly string _fault;
    private readonly Linear head;
    private int _calls;

    public ImpureNet(ModelContext context) : base("impure")
    {
        _fault = context.Options.Text("fault");
        head = Linear(context.Inputs[0].Length, context.Outputs!.Value);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        Tensor output = head.forward(input.flatten(1));
        return _fault switch
        {
            "state" => output * ++_calls,
            "random" => output * (1 + Guid.NewGuid().ToByteArray()[0]),
            "process" => output * Environment.ProcessId,
            "file" => File.ReadAllText("/nowhere/at/all") is { } text ? output * text.Length : output,
            _ => output,
        };
    }
}
