namespace Lockstep.Core.Tests.Exploration;

/// <summary>What was reported of a job; outlives the processes.</summary>
internal sealed class ExploredLog(ExploredCounts seen)
{
    private readonly SortedDictionary<long, string> _steps = [];
    private readonly SortedDictionary<long, string> _evaluations = [];

    /// <value>By version: its evaluation, then the step from it.</value>
    public IReadOnlyList<string> Lines => [.. _steps.Select(s => (s.Key, 1, s.Value)).Concat(_evaluations.Select(e => (e.Key, 0, e.Value))).OrderBy(l => l).Select(l => l.Value)];

    public bool Has(long step) => _steps.ContainsKey(step);

    public bool WasEvaluated(long version) => _evaluations.ContainsKey(version);

    /// <summary>A step that is done again must give its line again.</summary>
    public void Report(string line, long step)
    {
        if (!_steps.TryAdd(step, line))
        {
            seen.Repeated++;
            seen.Different += _steps[step] == line ? 0 : 1;
        }
    }

    public void ReportEvaluation(string line, long version) => _evaluations.Add(version, line);
}
