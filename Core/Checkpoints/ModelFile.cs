using Lockstep.Contracts.Formats;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Checkpoints;

/// <summary>What was trained, as a safetensors file that other programs read.</summary>
public static class ModelFile
{
    /// <summary>Writes the model of a checkpoint with the job's metadata.</summary>
    /// <returns>Hexadecimal SHA-256 over all values in ordinal order of the tensors' names, little-endian.</returns>
    public static string Write(string path, CheckpointSet set)
    {
        IReadOnlyList<NamedTensor> tensors = Tensors(set);
        SafeTensors.Write(path, tensors, set.Descriptor.ModelMetadata);
        return SafeTensors.ParametersSha256(tensors);
    }

    /// <summary>The tensors of a checkpoint, in model order.</summary>
    public static IReadOnlyList<NamedTensor> Tensors(CheckpointSet set)
    {
        float[] model = set.Exported();
        var tensors = new List<NamedTensor>(set.Descriptor.Tensors.Count);
        int offset = 0;
        foreach (TensorSpec tensor in set.Descriptor.Tensors)
        {
            int length = (int)tensor.Elements;
            tensors.Add(new NamedTensor(tensor.Name, tensor.Shape, model[offset..(offset + length)]));
            offset += length;
        }

        return tensors;
    }
}
