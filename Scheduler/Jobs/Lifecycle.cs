using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Grants;
using Lockstep.Core.Protocol;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport.Protos;

namespace Lockstep.Scheduler.Jobs;

/// <summary>
/// What becomes of one job: a state machine that takes the job's messages one after the other, from the first worker to what is recorded of the end.
/// Nothing else changes the job's state, so nothing here is locked.
/// </summary>
/// <param name="recorder">Makes what follows the job on its shards and records it.</param>
/// <param name="term">Ends with the scheduler's term.</param>
internal sealed class Lifecycle(ScheduledJob job, Func<JobRecorder> recorder, ShardCloser closer, Staffing staffing, Fleet fleet, JobStore store, SchedulerTelemetry telemetry, ILogger logger, CancellationToken term)
{
    /// <summary>No data that a worker looked through say more warnings than this.</summary>
    private const int MostWarnings = 100;

    private readonly WorkerTroubles _troubles = new(job.Id);
    private readonly HashSet<string> _warnings = new(StringComparer.Ordinal);
    private Recording? _recording;

    /// <summary>Takes messages until the job is over or the term ends.</summary>
    /// <param name="resumes">A scheduler before had begun the job.</param>
    public async Task RunAsync(bool resumes)
    {
        try
        {
            if (resumes)
            {
                Record(resumed: true);
            }

            while (!job.IsOver)
            {
                JobMessage message = await job.Messages.ReadAsync(term);
                await AnswerAsync(message);
            }
        }
        catch (OperationCanceledException)
        {
            // Another scheduler goes on with the job, from what this one wrote.
            await (_recording?.StopAsync() ?? Task.CompletedTask);
        }
        finally
        {
            job.Close();
        }
    }

    private async Task AnswerAsync(JobMessage message)
    {
        try
        {
            message.Done(await TakeAsync(message));
        }
        catch (OperationCanceledException)
        {
            message.Cancel();
        }
        catch (Exception exception)
        {
            logger.Refused(exception);
            message.Fail(exception);
        }
    }

    private Task<bool> TakeAsync(JobMessage message) => message switch
    {
        JobMessage.Pause => ChangeAsync(JobState.Paused, "paused"),
        JobMessage.Resume => job.State == JobState.Paused ? ChangeAsync(job.HasBegun ? JobState.Waiting : JobState.Queued, "resumed") : Task.FromResult(false),
        JobMessage.Staffed staffed => StaffedAsync(staffed.Change),
        JobMessage.Opened opened => Task.FromResult(Opened(opened.DeterminismClass)),
        JobMessage.Begun => BegunAsync(),
        JobMessage.Warned warned => Task.FromResult(Warned(warned.Warnings)),
        JobMessage.WorkerFailed failed => FailedAsync(failed.Request),
        JobMessage.WorkerLeft left => LeftAsync(left.WorkerId),
        JobMessage.End end => EndAsync(end),
        _ => throw new ArgumentException($"{message.GetType().Name} is no message of a job.", nameof(message)),
    };

    private async Task<bool> ChangeAsync(JobState state, string note)
    {
        if (!await SetStateAsync(state))
        {
            return false;
        }

        job.Append(note);
        await staffing.RunAsync();
        return true;
    }

    private async Task<bool> SetStateAsync(JobState state)
    {
        if (!job.TrySetState(state))
        {
            return false;
        }

        // A job that stands still is kept as it is.
        _recording?.LookSoon();
        await store.SetStateAsync(job.Id, state, null, null, job.Progress, term);
        return true;
    }

    private async Task<bool> StaffedAsync(StaffingChange change)
    {
        bool begins = job.State == JobState.Queued && change.Workers > 0;
        bool lacks = job.LacksWorkers(change.Workers);
        bool isChanged = false;
        if (lacks && job.State is JobState.Checking or JobState.Running)
        {
            isChanged = await SetStateAsync(JobState.Waiting);
            logger.Waiting(job.Id, job.Spec.Workers.Min);
            job.Append($"waiting for workers: it needs at least {job.Spec.Workers.Min}");
        }
        else if (begins || (job.State == JobState.Waiting && !lacks))
        {
            // They do its steps, or look through it first.
            isChanged = await SetStateAsync(job.IsOpened || job.Step > 0 ? JobState.Running : JobState.Checking);
        }

        if (begins)
        {
            Record(resumed: !job.IsRelaid && new KeptDescriptor(job).TellsOfThisJob());
        }

        if (!change.IsNothing)
        {
            logger.Staffed(job.Id, change);
            job.Append(change.ToString());
        }

        foreach (string refusal in change.Unfit)
        {
            logger.Noted(job.Id, refusal);
            job.Append(refusal);
        }

        return isChanged;
    }

    private bool Opened(string determinismClass)
    {
        job.DeterminismClass = determinismClass;
        return job.State == JobState.Checking && job.TrySetState(JobState.Running);
    }

    private async Task<bool> BegunAsync()
    {
        await store.SetStateAsync(job.Id, job.State, null, null, job.Progress, term);
        job.Append();
        return true;
    }

    /// <summary>Readers are told once, however many workers say so.</summary>
    private bool Warned(IReadOnlyList<string> warnings)
    {
        string[] news = [.. warnings.Where(warning => _warnings.Count < MostWarnings && _warnings.Add(warning))];
        foreach (string warning in news)
        {
            job.Append($"warning: {Printable.Of(warning)}");
        }

        return news.Length > 0;
    }

    /// <summary>Bad input ends a job that nobody could open yet. What may be the worker's own trouble, as data are that others could read, does so only when it happens again and again, and to everybody.</summary>
    private async Task<bool> FailedAsync(FailRequest request)
    {
        string? hopeless = _troubles.Failed(request, job.Step, fleet.WorkersOf(job.Id));
        if (request.BadInput && !job.IsOpened)
        {
            return await EndAsync(new JobMessage.End(JobState.Failed, request.Error, FailureCause.Input));
        }

        if (hopeless is not null)
        {
            return await EndAsync(new JobMessage.End(JobState.Failed, hopeless, request.NotFinite ? FailureCause.NotFinite : null));
        }

        job.Barrier.Leave(request.WorkerId);
        job.Time.WorkerLost();
        fleet.Idle(request.WorkerId, job.Id);
        TimeSpan length = fleet.Quarantine(request.WorkerId);
        logger.Quarantined(request.WorkerId, length.TotalSeconds);
        job.Append(FormattableString.Invariant($"{request.WorkerId} {(request.NotFinite ? "computed a value that is not finite" : $"could not go on ({request.Error.Split('\n', 2)[0].TrimEnd()})")}; it gets no work for {length.TotalSeconds:0} s"));
        await staffing.RunAsync();
        return true;
    }

    /// <summary>ps-0 has freed what the worker had in hand, as its stream there ended.</summary>
    private async Task<bool> LeftAsync(string workerId)
    {
        job.Barrier.Leave(workerId);
        AbandonedSlots? left = _recording is { } recording ? await recording.InHandAsync(workerId) : null;
        if (left is { } slots && _troubles.Died(slots) is { } deadly)
        {
            return await EndAsync(new JobMessage.End(JobState.Failed, deadly));
        }

        int freed = left?.Freed ?? 0;
        if (freed > 0)
        {
            job.Time.WorkerLost();
            logger.WorkerLost(workerId, job.Id, freed);
        }
        else
        {
            logger.WorkerLeft(workerId, job.Id);
        }

        job.Append($"{workerId} left; {freed} of its slots are free again");
        await staffing.RunAsync();
        return true;
    }

    private void Record(bool resumed)
    {
        _recording = new Recording(job, recorder(), resumed, logger, term);
        job.HasBegun = true;
    }

    private async Task<bool> EndAsync(JobMessage.End end)
    {
        (JobState state, string? error) = await FinishAsync(end.State, WithCheckpoint(end));
        FailureCause? cause = state == end.State ? end.Cause : null;
        job.TrySetState(state, error, cause);
        logger.Ended(job.Id, state, error is null ? "" : $": {error}");
        telemetry.Ended(job, state, error);
        await store.SetStateAsync(job.Id, state, error, cause, job.Progress, term);
        job.Append();
        fleet.Release(job.Id);
        await closer.CloseAsync(job, term);
        await staffing.RunAsync();
        return true;
    }

    private string? WithCheckpoint(JobMessage.End end) =>
        end is { State: JobState.Failed, Error: { } error, Cause: not FailureCause.Input } && CheckpointSet.List(job.Folder.Checkpoints).LastOrDefault() is > 0 and long newest
            ? FormattableString.Invariant($"{error} The newest checkpoint is that of step {newest}.")
            : end.Error;

    /// <summary>Model and summary are there before anybody is told that the job is over.</summary>
    private async Task<(JobState State, string? Error)> FinishAsync(JobState state, string? error)
    {
        if (_recording is not { } recording)
        {
            return (state, error);
        }

        try
        {
            await recording.FinishAsync(state, error);
            return (state, error);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ProtocolException)
        {
            logger.NotRecorded(exception, job.Id);
            return (JobState.Failed, error ?? $"The result cannot be written to {job.Folder.Path}: {exception.Message} Free space or correct the rights, then resume.");
        }
    }
}
