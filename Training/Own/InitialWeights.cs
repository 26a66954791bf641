using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;

namespace Lockstep.Training;

/// <summary>Initial values from a safetensors file, by name.</summary>
internal sealed class InitialWeights(ModelSpec model)
{
    private const int MostListed = 20;

    /// <returns>Null: the job names no file.</returns>
    public static InitialWeights? Of(JobSpec job) => job.Model.Weights is null ? null : new InitialWeights(job.Model);

    /// <summary>Writes what the file has over initial values.</summary>
    /// <param name="flat">[all elements of the tensors, in order]</param>
    /// <returns>What does not fit, where the job allows that.</returns>
    /// <exception cref="InputException">The file cannot be read, has nothing that fits, or something does not fit and the job does not allow that.</exception>
    public IReadOnlyList<string> Overlay(IReadOnlyList<TensorSpec> tensors, Span<float> flat)
    {
        string path = model.Weights!;
        Dictionary<string, NamedTensor> file = SafeTensors.Read(path).Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        var misfits = new List<string>();
        string[] unknown = [.. (model.WeightNames?.Keys ?? []).Where(name => tensors.All(tensor => tensor.Name != name))];
        if (unknown.Length > 0)
        {
            throw new InputException(InputException.JobFile, 0, $"'weightNames' names {string.Join(", ", unknown.Take(MostListed))}, which the model does not have.", $"It has {string.Join(", ", tensors.Select(tensor => tensor.Name).Take(MostListed))}{(tensors.Count > MostListed ? " …" : "")}.");
        }

        int offset = 0, fitting = 0;
        foreach (TensorSpec tensor in tensors)
        {
            Span<float> target = flat.Slice(offset, (int)tensor.Elements);
            offset += target.Length;
            string name = model.WeightNames?.GetValueOrDefault(tensor.Name) ?? tensor.Name;
            if (!file.Remove(name, out NamedTensor? found))
            {
                misfits.Add($"{name} is not in the file");
            }
            else if (!found.Shape.SequenceEqual(tensor.Shape))
            {
                misfits.Add($"{name} is [{string.Join(", ", found.Shape)}] in the file and [{string.Join(", ", tensor.Shape)}] in the model");
            }
            else
            {
                found.Values.CopyTo(target);
                fitting++;
            }
        }

        misfits.AddRange(file.Keys.Select(name => $"{name} is in the file only"));
        if (fitting == 0 || (model.Strict && misfits.Count > 0))
        {
            throw new InputException(path, 0, $"{(fitting == 0 ? "Nothing of the file fits the model" : "The file does not fit the model")}: {string.Join("; ", misfits.Take(MostListed))}{(misfits.Count > MostListed ? $" … and {misfits.Count - MostListed} more" : "")}.", "Give the weights of this model, map names by 'weightNames', or set 'strict: false' to take what fits.");
        }

        return misfits;
    }
}
