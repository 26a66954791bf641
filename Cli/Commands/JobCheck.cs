using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;
using Lockstep.Engine.Processes;

namespace Lockstep.Cli.Commands;

/// <summary>Has a job's data and model looked through by the worker's executable, which alone knows models.</summary>
internal static class JobCheck
{
    /// <param name="jobFile">For messages.</param>
    /// <param name="run">Folder of the run to come; null: there is none.</param>
    /// <param name="progress">Is told how far it is.</param>
    public static async Task<CheckReport> RunAsync(JobSpec job, string jobFile, RunFolder? run, int workers, ServiceLocator services, Action<string> progress, CancellationToken cancellation)
    {
        DirectoryInfo own = Directory.CreateTempSubdirectory("lockstep-check-");
        try
        {
            string path = Path.Combine(own.FullName, "job.json");
            await File.WriteAllTextAsync(path, JobFile.ToCanonicalJson(job), cancellation);
            var request = new CheckRequest(path, DataCache.Find() ?? run?.Cache ?? own.FullName, run?.Path ?? Environment.CurrentDirectory, workers);
            CheckReport report = CheckReport.FromJson(await WorkerTool.ReadAsync(services, ToolNames.Check, request.ToJson(), progress, cancellation));
            return report with { Errors = Named(report.Errors, jobFile), Warnings = Named(report.Warnings, jobFile) };
        }
        finally
        {
            own.Delete(recursive: true);
        }
    }

    /// <summary>The errors, and the warnings where they count as such.</summary>
    /// <exception cref="InputException">There are some.</exception>
    public static void ThrowErrors(CheckReport report, bool strict)
    {
        IReadOnlyList<InputError> errors = strict ? [.. report.Errors, .. report.Warnings] : report.Errors;
        if (errors.Count > 0)
        {
            throw new InputException(errors);
        }
    }

    private static InputError[] Named(IReadOnlyList<InputError> errors, string jobFile) => [.. errors.Select(error => error.File == InputException.JobFile ? error with { File = jobFile } : error)];
}
