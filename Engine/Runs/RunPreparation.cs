using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Checkpoints;

namespace Lockstep.Engine.Runs;

/// <summary>Makes a run's folder ready, or finds out why it cannot be used. Holds it against a second run until disposed.</summary>
public sealed class RunPreparation : IDisposable
{
    private readonly RunLock _held;

    private RunPreparation(RunFolder folder, RunLock held, RecordedCheckpoint from)
    {
        Folder = folder;
        _held = held;
        From = from;
    }

    public RunFolder Folder { get; }

    /// <value>Checkpoint to go on from.</value>
    public RecordedCheckpoint From { get; }

    /// <exception cref="InputException">The folder cannot be written, is in use, or holds another run.</exception>
    public static RunPreparation Prepare(JobSpec job, string output, bool resume)
    {
        var folder = new RunFolder(Path.GetFullPath(output));
        if (resume && !File.Exists(folder.Job))
        {
            throw new InputException(output, 0, "There is no run to resume in this folder.", "Name the folder of a run with --output, or leave out --resume.");
        }

        RunLock? held = null;
        try
        {
            held = RunLock.Hold(folder, output);
            CheckOwn(folder, output, resume);
            bool isUnbegun = UnbegunRun.IsIn(folder);
            bool holdsRun = !isUnbegun && File.Exists(folder.Job);
            if (holdsRun && JobFile.Hash(JobFile.Load(folder.Job, [])) != JobFile.Hash(job))
            {
                throw new InputException(output, 0, "The folder holds a run of another job.", resume ? "Resume with the job as it was (job.yaml in the folder), or train into another folder." : "Choose another folder with --output.");
            }

            if (holdsRun && !resume)
            {
                throw new InputException(output, 0, "The folder holds a run of this job already.", "Add --resume to go on from its newest checkpoint, or choose another folder with --output.");
            }

            if (resume && File.Exists(folder.Model))
            {
                throw new InputException(output, 0, "The run in this folder is finished; there is nothing to go on with.", "Look at it with 'lockstep evaluate', or train into another folder with --output.");
            }

            if (isUnbegun)
            {
                UnbegunRun.Clear(folder);
            }

            Directory.CreateDirectory(folder.Logs);
            Directory.CreateDirectory(folder.Checkpoints);
            // In the place of what is there, which may be a link to another file.
            string temporary = folder.Job + ".tmp";
            File.WriteAllText(temporary, JobWriter.ToYaml(job));
            File.Move(temporary, folder.Job, overwrite: true);
            RecordedCheckpoint newest = resume ? RecordedCheckpoints.TakeNewest(folder, output) : new RecordedCheckpoint(null, 0, []);
            return new RunPreparation(folder, held, newest);
        }
        catch (Exception exception)
        {
            held?.Dispose();
            if (exception is IOException or UnauthorizedAccessException)
            {
                throw Unwritable(output, exception);
            }

            throw;
        }
    }

    public void Dispose() => _held.Dispose();

    /// <summary>A run writes over the files of a run, and over nobody else's.</summary>
    private static void CheckOwn(RunFolder folder, string output, bool resume)
    {
        if (!File.Exists(folder.Job))
        {
            if (Directory.EnumerateFileSystemEntries(folder.Path).Any(path => Path.GetFileName(path) != RunLock.FileName))
            {
                throw new InputException(output, 0, "The folder holds other things than a run.", "Name a folder that is empty or not there yet with --output.");
            }

            return;
        }

        // What a run wrote is as the writer writes it, and there are checkpoints or their folder.
        if (!Directory.Exists(folder.Checkpoints) || (!resume && UnbegunRun.IsIn(folder) && !IsWritten(folder.Job)))
        {
            throw new InputException(output, 0, $"The {Path.GetFileName(folder.Job)} in the folder is not that of a run, which would write over it.", "Name another folder with --output; one that is not there yet is made.");
        }
    }

    private static bool IsWritten(string job)
    {
        try
        {
            return File.ReadAllText(job) == JobWriter.ToYaml(JobFile.Load(job, []));
        }
        catch (InputException)
        {
            return false;
        }
    }

    // What the system says of a file that cannot be made where files are not made, as in /proc, is that it was not found.
    private static InputException Unwritable(string output, Exception exception) =>
        new(output, 0, $"The output folder cannot be written: {(exception is FileNotFoundException or DirectoryNotFoundException ? "nothing can be made there." : exception.Message)}", "Correct the rights, or choose another folder with --output.");
}
