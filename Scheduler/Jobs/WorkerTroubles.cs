using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Counts what workers of one job could not do, and finds out when that is the job's own fault. Its lifecycle's alone.</summary>
internal sealed class WorkerTroubles(string jobId)
{
    /// <summary>So often a worker may fail at one step, where none of the others gets on either, before it is the job's fault.</summary>
    private const int FailuresOfOne = 3;

    /// <summary>So many workers may die with one slot in hand before the slot is held to kill them.</summary>
    private const int DeathsOnOne = 3;

    // By worker; bounded by the workers that ever failed.
    private readonly Dictionary<string, (long Step, int Times)> _failures = new(StringComparer.Ordinal);
    // By slot, of the newest step that any died at.
    private readonly Dictionary<int, int> _deaths = [];
    private long _deathStep = -1;

    /// <summary>A worker could not do the job. The same value from two workers fails the job on its shards; whatever else there is, is the worker's own trouble as long as another has none.</summary>
    /// <param name="step">That the job is at.</param>
    /// <param name="workers">That the job has.</param>
    /// <returns>Why the job cannot go on; null: it can.</returns>
    public string? Failed(FailRequest request, long step, IEnumerable<string> workers)
    {
        string worker = request.WorkerId;
        int times = HasFailed(worker, step) ? _failures[worker].Times + 1 : 1;
        _failures[worker] = (step, times);
        if (times < FailuresOfOne || !workers.All(other => other == worker || HasFailed(other, step)))
        {
            return null;
        }

        string prefix = $"Job {jobId}: ";
        string error = request.Error.StartsWith(prefix, StringComparison.Ordinal) ? request.Error[prefix.Length..] : request.Error;
        return FormattableString.Invariant($"{prefix}{worker} failed {FailuresOfOne} times at step {step}, and no other worker gets on there. The last time: {error}{(request.NotFinite ? $" {ProtocolException.NotFiniteRemedy}" : "")}");
    }

    /// <summary>A worker died.</summary>
    /// <param name="left">What it had in hand.</param>
    /// <returns>Why the job cannot go on; null: it can.</returns>
    public string? Died(AbandonedSlots left)
    {
        if (left.Cursor.Step != _deathStep)
        {
            _deathStep = left.Cursor.Step;
            _deaths.Clear();
        }

        return (_deaths[left.Slot] = _deaths.GetValueOrDefault(left.Slot) + 1) < DeathsOnOne
            ? null
            : FormattableString.Invariant($"{DeathsOnOne} workers died while they computed slot {left.Slot} of step {left.Cursor.Step}: out of memory, or a crash in native code. See the workers' logs; smaller micro-batches (more slots) take less memory.");
    }

    private bool HasFailed(string worker, long step) => _failures.TryGetValue(worker, out var known) && known.Step == step;
}
