using System.IO.Enumeration;
using Lockstep.Contracts.Jobs;
using Lockstep.Core.Layout;

namespace Lockstep.Core.Optimizers;

/// <summary>The optimizer of each parameter of a model: that of the job, with the rate and the decay of the first group that names it.</summary>
public sealed class ParameterGroups
{
    private readonly (Optimizer Optimizer, double Rate)[] _groups;
    private readonly int[] _ofTensor;

    /// <param name="tensors">In model order.</param>
    public ParameterGroups(OptimizerSpec spec, IReadOnlyList<TensorSpec> tensors)
    {
        IReadOnlyList<ParameterGroup> groups = spec.Groups ?? [];
        _groups = [.. groups.Select(group => (Optimizer.Create(spec with { WeightDecay = group.WeightDecay ?? spec.WeightDecay }), group.Rate ?? 1)), (Optimizer.Create(spec), 1)];
        _ofTensor = [.. tensors.Select(tensor => Find(groups, tensor))];
    }

    /// <value>Arrays of state beside the parameters, of every group.</value>
    public int StateArrays => _groups[0].Optimizer.StateArrays;

    /// <summary>A tensor's group.</summary>
    public int Of(int tensor) => _ofTensor[tensor];

    public Optimizer OptimizerOf(int group) => _groups[group].Optimizer;

    /// <summary>What changes from step to step, by group.</summary>
    /// <param name="step">0-based.</param>
    /// <param name="rate">Of the schedule.</param>
    public OptimizerScalars[] Scalars(long step, double rate) => [.. _groups.Select(group => group.Optimizer.Scalars(step, rate * group.Rate))];

    /// <summary>Groups that no parameter is of: their names fit none, or only such as an earlier group names.</summary>
    public static IEnumerable<ParameterGroup> Unused(OptimizerSpec spec, IReadOnlyList<TensorSpec> tensors)
    {
        IReadOnlyList<ParameterGroup> groups = spec.Groups ?? [];
        HashSet<int> used = [.. tensors.Where(tensor => tensor.Kind == TensorKind.Parameter).Select(tensor => Find(groups, tensor))];
        return groups.Where((_, i) => !used.Contains(i));
    }

    /// <returns>As many as there are groups: of none.</returns>
    private static int Find(IReadOnlyList<ParameterGroup> groups, TensorSpec tensor)
    {
        for (int i = 0; i < groups.Count; i++)
        {
            if (groups[i].Names.Any(name => FileSystemName.MatchesSimpleExpression(name, tensor.Name, ignoreCase: false)))
            {
                return i;
            }
        }

        return groups.Count;
    }
}
