using Lockstep.Core.Protocol;

namespace Lockstep.Scheduler.Jobs;

/// <summary>What a job's reports say of its checkpoints, for people: once where they cannot be written any more, once where they can again.</summary>
internal sealed class CheckpointWatch
{
    // The newest set when the first could not be written; null: all could.
    private long? _failingSince;
    private string? _untold;

    /// <param name="isKnown">Whether it tells of a step that was recorded before: the scheduler of then has told what came of it, and what lasts is told with the next step.</param>
    /// <returns>Null: nothing new.</returns>
    public string? Observe(StepReport report, bool isKnown)
    {
        string? news = Look(report);
        if (isKnown)
        {
            _untold = _failingSince is null ? null : news ?? _untold;
            return null;
        }

        news ??= _untold;
        _untold = null;
        return news;
    }

    private string? Look(StepReport report)
    {
        if (report.CheckpointFailure.Length > 0)
        {
            bool isNews = _failingSince is null;
            _failingSince ??= report.DurableVersion;
            return isNews ? $"a checkpoint could not be written, and training goes on: {report.CheckpointFailure}" : null;
        }

        if (_failingSince is { } since && report.DurableVersion > since)
        {
            _failingSince = null;
            return FormattableString.Invariant($"checkpoints can be written again: that of step {report.DurableVersion} is on disk");
        }

        return null;
    }
}
