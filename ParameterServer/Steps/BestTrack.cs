using Lockstep.Core.Checkpoints;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>
/// Which version is the best, and whether there is a better one to hope for. Both follow from the evaluations in order of their versions, which are those of any run of the job:
/// an evaluation is whole before a slot of its version's step is granted, so that all shards stand at the version at which the job ends. Callers serialise the calls.
/// </summary>
/// <param name="partsOf">The parts of a version's evaluation, of this generation or of one before, whose evaluation is not done again; null: it is not whole.</param>
internal sealed class BestTrack(JobDescriptor descriptor, Func<long, IReadOnlyList<EvaluationPart>?> partsOf)
{
    // After the evaluation of a version: of this generation, and as many as it has evaluations.
    private readonly SortedDictionary<long, BestState> _after = [];
    // Of the evaluations before the version that this generation began with.
    private BestState _before = BestState.None;

    /// <value>The best version that is known: its set is kept; null: there is none.</value>
    public long? Version => (_after.Values.LastOrDefault() ?? _before).Version;

    /// <summary>The job is at a version of a generation.</summary>
    public void Begin(long version)
    {
        _after.Clear();
        _before = descriptor.Best is not null && version > 0 ? CheckpointSet.BestOf(descriptor.CheckpointDirectory, version) ?? BestState.None : BestState.None;
        // A generation before may have evaluated where this one begins.
        After(version);
    }

    /// <summary>Whether the job ends at a version of this generation, as far as its evaluations are known: it has no more steps, or there is no better version to hope for.</summary>
    public bool IsLast(long version) => version >= descriptor.TotalSteps || StopsAt(version);

    private bool StopsAt(long version) => descriptor.Best is { Rule.Patience: not null } plan && descriptor.EvaluatesAt(version) && After(version)?.Stops(plan.Rule) == true;

    /// <summary>What the evaluations of the versions before one came to; all of them are whole by then.</summary>
    /// <returns>Null: the job keeps its last version.</returns>
    public BestState? Before(long version) => descriptor.Best is null ? null : _after.Where(state => state.Key < version).Select(state => state.Value).LastOrDefault() ?? _before;

    /// <summary>What they came to with that of a version.</summary>
    /// <returns>Null: it is not whole, or the job keeps its last version.</returns>
    public BestState? After(long version)
    {
        if (descriptor.Best is not { } plan)
        {
            return null;
        }

        if (!_after.TryGetValue(version, out BestState? state))
        {
            if (partsOf(version) is not { } parts)
            {
                return null;
            }

            _after[version] = state = plan.Take(Before(version)!, version, descriptor.ClassNames, parts);
        }

        return state;
    }
}
