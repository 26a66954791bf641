using System.Text.Json;
using Lockstep.Core.Protocol;

namespace Lockstep.Scheduler.Jobs;

/// <summary>What a job is, as its first worker described it, in a file beside the checkpoints: for a scheduler that finds no shard with the job.</summary>
internal sealed class KeptDescriptor(ScheduledJob job)
{
    private const string FileName = "job.json";

    private readonly string _path = Path.Combine(job.Folder.Checkpoints, FileName);

    /// <value>Whether the disk took what was to be kept last.</value>
    public bool IsKept { get; private set; }

    /// <summary>Keeps it. A disk that does not take it holds nothing up: the caller tries again once something else could be written.</summary>
    public void Keep(JobDescriptor descriptor)
    {
        byte[] json = descriptor.ToJson();
        try
        {
            if (!File.Exists(_path) || !File.ReadAllBytes(_path).AsSpan().SequenceEqual(json))
            {
                Directory.CreateDirectory(job.Folder.Checkpoints);
                File.WriteAllBytes(_path + ".tmp", json);
                File.Move(_path + ".tmp", _path, overwrite: true);
            }

            IsKept = true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            IsKept = false;
        }
    }

    /// <returns>Null: there is none, or it is of another job.</returns>
    public async Task<JobDescriptor?> ReadAsync(CancellationToken cancellation) =>
        File.Exists(_path) && JobDescriptor.FromJson(await File.ReadAllBytesAsync(_path, cancellation)) is { } known && known.JobId == job.Id ? known : null;

    /// <summary>Whether a scheduler before has followed the job, though there is no record of that any more.</summary>
    public bool TellsOfThisJob()
    {
        try
        {
            // A job that was deleted and handed in anew with other shards or another policy of checkpoints begins anew.
            return File.Exists(_path) && !File.Exists(job.Folder.Model) && JobDescriptor.FromJson(File.ReadAllBytes(_path)) is var known
                && (known.JobId, known.Shards, known.ResumeStep, known.CheckpointEvery, known.CheckpointKeep) == (job.Id, job.Spec.Shards, job.Request.ResumeStep, job.Spec.Checkpoint.Every, job.Spec.Checkpoint.Keep);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return false;
        }
    }
}
