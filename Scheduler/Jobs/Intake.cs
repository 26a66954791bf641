using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Core.Checkpoints;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Workers;
using Lockstep.Transport;

namespace Lockstep.Scheduler.Jobs;

/// <summary>Lets in only jobs that can be what they say: their id, their description, the paths that they name.</summary>
internal sealed class Intake(JobList jobs, Lifecycles lifecycles, JobRules rules, JobStore store, Staffing staffing, Fleet fleet, Scaler scaler, IConfiguration configuration, TimeProvider time)
{
    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Takes a job on; the same again is answered alike.</summary>
    /// <returns>Null: another job has this id.</returns>
    /// <exception cref="InputException">Something is wrong with it: all that could be found at once.</exception>
    public async Task<ScheduledJob?> SubmitAsync(SubmitRequest request, CancellationToken cancellation)
    {
        JobSpec job = rules.Read(request, mayHaveMore: false);
        InputError[] errors = [.. rules.CheckData(job), .. CheckFleet(request.JobId, job)];
        if (errors.Length > 0)
        {
            throw new InputException(errors);
        }

        SubmitRequest complete = request with { RunDirectory = rules.RunDirectory(request) };
        // One after the other: what is looked at here stays as it is until the job is taken on.
        await _gate.WaitAsync(cancellation);
        try
        {
            MakeReady(complete, job);
            return await TakeOnAsync(complete, cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<ScheduledJob?> TakeOnAsync(SubmitRequest request, CancellationToken cancellation)
    {
        if (!await store.SubmitAsync(request, cancellation))
        {
            return null;
        }

        if (jobs.Find(request.JobId) is { } known)
        {
            return known;
        }

        // One that was over long ago is known to the store only.
        JobRecord record = await store.FindAsync(request.JobId, cancellation) ?? new JobRecord(request, JobState.Queued, null, JobProgress.None);
        var job = new ScheduledJob(record with { Request = request }, await store.TermAsync(cancellation), fleet, time);
        if (lifecycles.TryBegin(job, resumes: false))
        {
            await staffing.RunAsync();
        }

        return jobs.Find(request.JobId) ?? job;
    }

    private void MakeReady(SubmitRequest complete, JobSpec job)
    {
        if (jobs.Find(complete.JobId) is null)
        {
            if (WriterOf(complete.RunDirectory) is { } other)
            {
                throw new InputException("runDirectory", 0, $"Job {other.Id} writes to '{other.Folder.Path}', and '{complete.RunDirectory}' is that folder, or one inside or around it.", "Name another folder, or leave runDirectory out.");
            }

            var folder = new RunFolder(complete.RunDirectory);
            if (complete.ResumeStep is { } step && !CheckpointSet.List(folder.Checkpoints).Contains(step))
            {
                throw new InputException("resumeStep", 0, $"There is no checkpoint of step {step} in {folder.Checkpoints}.", "Name one that is there, or leave it out.");
            }

            // Last: what is refused leaves nothing behind.
            Prepare(folder, job);
        }
    }

    private ScheduledJob? WriterOf(string folder)
    {
        try
        {
            return jobs.WriterOf(folder);
        }
        catch (IOException exception)
        {
            throw new InputException("runDirectory", 0, $"'{folder}' cannot be checked: {exception.Message}", "Correct the path or its rights.");
        }
    }

    private IEnumerable<InputError> CheckFleet(string jobId, JobSpec job)
    {
        int shards = ShardClients.Count(configuration);
        if (shards > 0 && job.Shards > shards && jobs.Find(jobId) is null)
        {
            yield return new InputError("shards", 0, $"The job wants {job.Shards} parameter servers; of those there are {shards}.", "Lower its 'shards', which does not change the result, or start more of them.");
        }

        if (job.Workers.Min > scaler.Limit)
        {
            yield return new InputError("workers.min", 0, $"The job needs {Amount.Of(job.Workers.Min, "worker")}, and there are never more than {scaler.Limit}.", "Lower it, or start the scheduler with a larger maximum.");
        }
    }

    private static void Prepare(RunFolder folder, JobSpec job)
    {
        try
        {
            if (File.Exists(folder.Job))
            {
                if (JobFile.Hash(JobFile.Load(folder.Job, [])) == JobFile.Hash(job))
                {
                    return;
                }

                if (!UnbegunRun.IsIn(folder))
                {
                    throw new InputException(folder.Path, 0, "The folder holds a run of another job.", "Choose another id or runDirectory.");
                }

                UnbegunRun.Clear(folder);
            }

            if (Directory.Exists(folder.Path) && !Directory.Exists(folder.Checkpoints) && Directory.EnumerateFileSystemEntries(folder.Path).Any())
            {
                throw new InputException(folder.Path, 0, "The folder holds other things than a run.", "Name a folder that is empty, or is not there yet.");
            }

            Directory.CreateDirectory(folder.Checkpoints);
            string temporary = folder.Job + ".tmp";
            File.WriteAllText(temporary, JobWriter.ToYaml(job));
            File.Move(temporary, folder.Job, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(folder.Path, 0, $"The run's folder cannot be written: {exception.Message}", $"Correct the rights, or {EnvironmentNames.RunsRoot} where the scheduler is started.");
        }
    }
}
