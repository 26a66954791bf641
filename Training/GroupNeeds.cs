using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;
using Lockstep.Core.Optimizers;

namespace Lockstep.Training;

/// <summary>What the optimizer's groups need of a model.</summary>
internal static class GroupNeeds
{
    private const int MostNamed = 20;

    /// <summary>A group that no parameter is of is a mistake in its names.</summary>
    public static IEnumerable<InputError> Errors(JobSpec job, IReadOnlyList<TensorSpec> tensors)
    {
        string[] names = [.. tensors.Where(tensor => tensor.Kind == TensorKind.Parameter).Select(tensor => tensor.Name)];
        return ParameterGroups.Unused(job.Optimizer, tensors).Select(group => new InputError(
            InputException.JobFile, 0, $"No parameter is of the group {string.Join(", ", group.Names)} of 'optimizer.groups': its names fit none, or an earlier group has them.",
            $"The parameters are {string.Join(", ", names.Take(MostNamed))}{(names.Length > MostNamed ? " …" : "")}."));
    }

    /// <exception cref="InputException">A group has no parameter.</exception>
    public static void Check(JobSpec job, IReadOnlyList<TensorSpec> tensors)
    {
        InputError[] errors = [.. Errors(job, tensors)];
        if (errors.Length > 0)
        {
            throw new InputException(errors);
        }
    }
}
