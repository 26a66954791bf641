using Lockstep.Abstractions;
using Lockstep.Contracts;
using Tensor = TorchSharp.torch.Tensor;

namespace Lockstep.Training;

/// <summary>Looks at what a module that is not ours gives.</summary>
internal static class ForeignOutput
{
    /// <param name="model">Its name, for messages.</param>
    /// <param name="samples">That it was given.</param>
    /// <param name="wanted">Shape of what the job's loss needs for one sample.</param>
    /// <exception cref="InputException">The loss cannot take it.</exception>
    public static void Check(string model, IReadOnlyDictionary<string, Tensor> given, long samples, IReadOnlyList<int> wanted)
    {
        if (SlotLoss.Usual(given) is not { } usual || !usual.shape.SequenceEqual([samples, .. Shapes.Long(wanted)]))
        {
            throw new InputException(InputException.JobFile, 0, $"The model '{model}' gives {string.Join(", ", given.Select(output => $"{output.Key} [{string.Join(", ", output.Value.shape)}]"))} for {Amount.Of(samples, "sample")}, where the loss of the job needs [{samples}, {string.Join(", ", wanted)}].", $"End with that many outputs, by the name '{ModelOutputs.Usual}' where there are several.");
        }
    }
}
