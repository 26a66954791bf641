using Lockstep.Abstractions;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>Says which token follows each, by that token alone.</summary>
internal sealed class NextToken : nn.Module, ILockstepModel, IModelLoss
{
    private readonly Embedding tokens;
    private readonly Linear head;

    public NextToken(ModelContext context) : base("next")
    {
        int vocabulary = context.Fields.Single(field => field.IsLabel).Classes!.Value;
        tokens = nn.Embedding(vocabulary, 8);
        head = nn.Linear(8, vocabulary);
        RegisterComponents();
    }

    public IReadOnlyDictionary<string, Tensor> Forward(IReadOnlyDictionary<string, Tensor> inputs) => ModelOutputs.Of(head.forward(tokens.forward(inputs["features"])));

    public Tensor Loss(IReadOnlyDictionary<string, Tensor> outputs, IReadOnlyDictionary<string, Tensor> labels) =>
        nn.functional.cross_entropy(outputs["output"].transpose(1, 2), labels["label"], reduction: nn.Reduction.None).mean([1]);
}
