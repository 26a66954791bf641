using Lockstep.Core.Grants;
using Lockstep.Core.Hashing;
using Lockstep.Core.Layout;
using Lockstep.Core.Metrics;
using Lockstep.Core.Optimizers;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>What one life of ps-0 gathers of all shards: norms, announcements, evaluations. Who asks before all parts are there asks again.</summary>
/// <param name="log">What was reported; outlives the process.</param>
internal sealed class ExploredBoard(JobDescriptor job, ModelLayout layout, ExploredLog log) : IEvaluations
{
    private readonly Dictionary<Cursor, double[]?[]> _squares = [];
    private readonly Dictionary<Cursor, UInt128[]?[]> _announced = [];
    private readonly Dictionary<Cursor, EvaluationPart?[]> _evaluations = [];
    private readonly Dictionary<Cursor, bool> _keepsNext = [];
    private int _generation;
    private long _newest;
    private bool _isAsked;

    /// <value>Versions of which a checkpoint is cut because somebody asked for one, in this generation.</value>
    public List<Cursor> Asked { get; } = [];

    public void Begin(Cursor version)
    {
        (_generation, _newest) = (version.Generation, version.Step);
        Asked.Clear();
        _keepsNext.Clear();
        _squares.Clear();
        _announced.Clear();
        _evaluations.Clear();
    }

    /// <returns>Null: not all shards have given their part.</returns>
    public double? ClipFactor(Cursor cursor, int shard, double[] squares)
    {
        double[]?[] parts = PartsOf(_squares, cursor);
        parts[shard] ??= [.. squares];
        return parts.Contains(null) ? null : GradientNorm.Factor(InBlockOrder(s => parts[s]!).Sum(), job.Optimizer.ClipNorm ?? double.PositiveInfinity);
    }

    /// <summary>Somebody wants a checkpoint beside those of the policy.</summary>
    public void Ask() => _isAsked = true;

    /// <returns>Whether the version after the next is kept because somebody asked for it; null: not all shards have announced the step.</returns>
    public bool? Announce(Cursor cursor, int shard, UInt128[] hashes)
    {
        UInt128[]?[] parts = PartsOf(_announced, cursor);
        bool isNew = parts[shard] is null;
        parts[shard] ??= hashes;
        if (parts.Contains(null))
        {
            return null;
        }

        if (isNew)
        {
            _newest = cursor.Step + 1;
            log.Report($"{cursor.Step} {StateHash.ToHex(StateHash.Of(parts.Select(part => part!), null))}", cursor.Step);
            ReportIfWhole(new Cursor(_generation, _newest, Cursor.Evaluation));
            // Once for all shards.
            _keepsNext[cursor] = _isAsked && _newest < job.TotalSteps;
            if (_keepsNext[cursor])
            {
                _isAsked = false;
                Asked.Add(new Cursor(_generation, _newest + 1, 0));
            }
        }

        return _keepsNext[cursor];
    }

    /// <summary>Whether a version was reported, in this generation or where it began.</summary>
    public bool Knows(int generation, long version) => generation == _generation && version <= _newest;

    public void ReportEvaluation(Cursor cursor, int slot, string workerId, EvaluationPart part)
    {
        if (!IsOver(cursor))
        {
            Evaluation(cursor)[slot] ??= part;
            ReportIfWhole(cursor);
        }
    }

    public IReadOnlyList<int> MissingEvaluation(Cursor cursor) =>
        IsOver(cursor) ? [] : [.. Enumerable.Range(0, job.EvaluationSlots).Where(slot => Evaluation(cursor)[slot] is null)];

    public bool IsLast(Cursor version) => version.Step >= job.TotalSteps;

    private bool IsOver(Cursor cursor)
    {
        if (cursor.Generation != _generation)
        {
            throw new ProtocolException(ProtocolError.Superseded, $"{cursor} is not of generation {_generation}.");
        }

        return cursor.Step < _newest || !job.EvaluatesAt(cursor.Step) || log.WasEvaluated(cursor.Step);
    }

    private EvaluationPart?[] Evaluation(Cursor cursor)
    {
        if (!_evaluations.TryGetValue(cursor, out EvaluationPart?[]? parts))
        {
            _evaluations[cursor] = parts = new EvaluationPart?[job.EvaluationSlots];
        }

        return parts;
    }

    private void ReportIfWhole(Cursor cursor)
    {
        if (cursor.Step <= _newest && _evaluations.TryGetValue(cursor, out EvaluationPart?[]? parts) && !parts.Contains(null) && !log.WasEvaluated(cursor.Step))
        {
            log.ReportEvaluation(FormattableString.Invariant($"{cursor.Step} evaluated: {parts.Sum(p => p!.LossSum):R}"), cursor.Step);
        }
    }

    private IEnumerable<T> InBlockOrder<T>(Func<int, IReadOnlyList<T>> ofShard)
    {
        var next = new int[job.Shards];
        return layout.Chunks.SelectMany(c => Enumerable.Range(0, c.BlockCount).Select(_ => ofShard(c.Shard)[next[c.Shard]++])).ToArray();
    }

    private T?[] PartsOf<T>(Dictionary<Cursor, T?[]> all, Cursor cursor) where T : class
    {
        if (!all.TryGetValue(cursor, out T?[]? parts))
        {
            all[cursor] = parts = new T?[job.Shards];
        }

        return parts;
    }
}
