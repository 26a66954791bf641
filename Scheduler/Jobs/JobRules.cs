using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Services;
using Lockstep.Scheduler.Paths;
using Lockstep.Scheduler.Redis;

namespace Lockstep.Scheduler.Jobs;

/// <summary>What a job must be, whoever hands it in: a caller of the API, or Redis, which keeps the records of the scheduler before and in which others may have written.</summary>
internal sealed class JobRules(AllowedPaths paths)
{
    private const int LongestId = 100;

    /// <summary>Looks at a record that was read: its id, its job, the paths that it names.</summary>
    /// <returns>Why it may not be done; null: it may, or is over.</returns>
    public string? ReasonToRefuse(JobRecord record)
    {
        if (record.State.IsOver())
        {
            return null;
        }

        try
        {
            InputError[] errors = [.. CheckData(Read(record.Request, mayHaveMore: true))];
            RunDirectory(record.Request);
            return errors.Length == 0 ? null : new InputException(errors).Message;
        }
        catch (InputException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>The job of a request whose id may be.</summary>
    /// <param name="mayHaveMore">Keys that are not known here are passed over.</param>
    /// <exception cref="InputException">The id or the job may not be.</exception>
    public JobSpec Read(SubmitRequest request, bool mayHaveMore)
    {
        CheckId(request.JobId);
        return string.IsNullOrEmpty(request.JobJson)
            ? throw new InputException("jobJson", 0, "There is no job.", "Send the job as canonical JSON, as 'lockstep submit JOB --print' writes it.")
            : JobFile.FromForeignJson(request.JobJson, mayHaveMore);
    }

    /// <summary>What is wrong with the data that a job names.</summary>
    public IEnumerable<InputError> CheckData(JobSpec job) => paths.Check(job);

    /// <summary>The folder of a job's run; where none is named, one under the runs root.</summary>
    /// <exception cref="InputException">It is not allowed.</exception>
    public string RunDirectory(SubmitRequest request) => paths.RunDirectory(request.RunDirectory, request.JobId);

    private static void CheckId(string? id)
    {
        const string Key = "jobId";
        const string Remedy = "Use letters, digits, '-', '_' and '.', a letter or digit first.";
        if (string.IsNullOrEmpty(id))
        {
            throw new InputException(Key, 0, "The job has no id.", Remedy);
        }

        // It names a folder too.
        if (id.Length > LongestId || !char.IsAsciiLetterOrDigit(id[0]) || id.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not '-' and not '_' and not '.'))
        {
            throw new InputException(Key, 0, $"'{(id.Length > LongestId ? id[..LongestId] + "…" : id)}' cannot be a job's id.", $"{Remedy} At most {LongestId}.");
        }
    }
}
