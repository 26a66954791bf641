using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;

namespace Lockstep.Scheduler.Jobs;

/// <summary>A job that is followed on its shards and recorded, from its first worker on. Its lifecycle's alone; tells it when the last step is done, or why the job cannot go on.</summary>
internal sealed class Recording
{
    private readonly ScheduledJob _job;
    private readonly JobRecorder _recorder;
    private readonly ILogger _logger;
    private readonly CancellationToken _term;
    private readonly CancellationTokenSource _stop;
    private readonly Task _ends;

    /// <param name="resumed">A scheduler before has recorded part of it.</param>
    public Recording(ScheduledJob job, JobRecorder recorder, bool resumed, ILogger logger, CancellationToken term)
    {
        (_job, _recorder, _logger, _term) = (job, recorder, logger, term);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(term);
        _ends = Task.Run(() => RecordAsync(resumed), CancellationToken.None);
    }

    /// <inheritdoc cref="JobRecorder.LookSoon"/>
    public void LookSoon() => _recorder.LookSoon();

    /// <inheritdoc cref="JobRecorder.InHandAsync"/>
    public Task<AbandonedSlots?> InHandAsync(string workerId) => _recorder.InHandAsync(workerId, _term);

    /// <summary>Follows it no more, and writes what the run came to.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    /// <exception cref="UnauthorizedAccessException">The run's folder may not be written.</exception>
    /// <exception cref="ProtocolException">The last checkpoint cannot be read.</exception>
    public async Task FinishAsync(JobState state, string? error)
    {
        await StopAsync();
        await Task.Run(() => _recorder.Finish(state, error), _term);
    }

    /// <summary>Follows it no more.</summary>
    public async Task StopAsync()
    {
        if (!_ends.IsCompleted)
        {
            await _stop.CancelAsync();
        }

        await _ends;
        _stop.Dispose();
    }

    private async Task RecordAsync(bool resumed)
    {
        try
        {
            await _recorder.RunAsync(resumed, _stop.Token);
            _ = _job.TellAsync(new JobMessage.End(JobState.Finished));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (InputException exception) when (exception.Errors.All(error => error.File == InputException.ProcessEnvironment))
        {
            // That this scheduler is set up wrongly is no fault of the job's: one that is not goes on with it.
            _logger.LeftAlone(_job.Id, exception.Message);
            _job.Append($"this scheduler cannot follow the job, and leaves it as it is: {exception.Message}");
        }
        catch (InputException exception)
        {
            _ = _job.TellAsync(new JobMessage.End(JobState.Failed, exception.Message, FailureCause.Input));
        }
        catch (Exception exception)
        {
            _logger.NotFollowed(exception, _job.Id);
            _ = _job.TellAsync(new JobMessage.End(JobState.Failed, exception.Message, exception is ProtocolException { Error: ProtocolError.NotFinite } ? FailureCause.NotFinite : null));
        }
    }
}
