using Lockstep.Core.Checkpoints;
using Lockstep.Core.Hashing;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>
/// Which version is the best, and whether there is a better one to hope for. Both follow from the evaluations in order of their versions, which are those of any run of the job:
/// an evaluation is whole before a slot of its version's step is granted, so that all shards stand at the version at which the job ends.
/// </summary>
public sealed partial class StepBoard
{
    // After the evaluation of a version, by version: of this generation, and as many as it has evaluations.
    private readonly SortedDictionary<long, BestState> _best = [];
    // Of the evaluations before the version that this generation began with.
    private BestState _bestBefore = BestState.None;

    public bool IsLast(Cursor version)
    {
        lock (_gate)
        {
            return version.Generation == _generation && IsLast(version.Step);
        }
    }

    /// <summary>Whether the job ends at a version of this generation, as far as its evaluations are known.</summary>
    private bool IsLast(long version) =>
        version >= _descriptor.TotalSteps || (_descriptor.Best is { Rule.Patience: not null } plan && _descriptor.EvaluatesAt(version) && BestAfter(version)?.Stops(plan.Rule) == true);

    private void BeginBest(long version)
    {
        _best.Clear();
        _bestBefore = _descriptor.Best is not null && version > 0 ? CheckpointSet.BestOf(_descriptor.CheckpointDirectory, version) ?? BestState.None : BestState.None;
    }

    /// <summary>What the evaluations of the versions before one came to; all of them are whole by then.</summary>
    /// <returns>Null: the job keeps its last version.</returns>
    private BestState? BestBefore(long version) => _descriptor.Best is null ? null : _best.Where(state => state.Key < version).Select(state => state.Value).LastOrDefault() ?? _bestBefore;

    /// <summary>What they came to with that of a version: of this generation, or of one before, whose evaluation is not done again.</summary>
    /// <returns>Null: it is not whole, or the job keeps its last version.</returns>
    private BestState? BestAfter(long version)
    {
        if (_descriptor.Best is not { } plan)
        {
            return null;
        }

        if (!_best.TryGetValue(version, out BestState? state))
        {
            IReadOnlyList<EvaluationPart>? parts = _evaluations.GetValueOrDefault(new Cursor(_generation, version, Cursor.Evaluation))?.WholeParts ?? _log.EvaluationOf(version)?.EvaluationParts;
            if (parts is null)
            {
                return null;
            }

            _best[version] = state = plan.Take(BestBefore(version)!, version, _descriptor.ClassNames, parts);
        }

        return state;
    }

    /// <summary>The line of the ledger for the state at a version.</summary>
    private string LedgerAt(long version, IEnumerable<UInt128> blocks) => StateHash.ToHex(StateHash.Of([.. blocks], BestBefore(version)));

    /// <summary>The best version that is known: its set is kept.</summary>
    private long? BestVersion => (_best.Values.LastOrDefault() ?? _bestBefore).Version;
}
