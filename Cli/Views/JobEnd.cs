using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Cli.Views;

/// <summary>What is said of a job that is over, and the exit code that its end gives.</summary>
internal static class JobEnd
{
    /// <param name="cause">What the error comes of; null: not known.</param>
    /// <param name="summary">Null: it never began.</param>
    /// <param name="jobFile">The services do not know where the job came from; null: nor does this command.</param>
    /// <param name="hint">What to do after a failure that is not the input's.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> TellAsync(JobState state, string? error, FailureCause? cause, RunSummary? summary, RunFolder folder, bool json, string? jobFile, string hint)
    {
        if (state == JobState.Finished && summary is not null)
        {
            if (json)
            {
                await Console.Out.WriteLineAsync(summary.ToJson());
            }
            else
            {
                SummaryView.Write(summary, folder);
            }

            return ExitCodes.Done;
        }

        error ??= $"The job ended as {JobWords.Of(state)}.";
        if (cause == FailureCause.Input)
        {
            await Console.Error.WriteLineAsync(string.Join(Environment.NewLine, error.Split(Environment.NewLine).Select(line => Named(line, jobFile))));
            return ExitCodes.BadInput;
        }

        await Console.Error.WriteLineAsync($"{error}{Environment.NewLine}{hint}".TrimEnd());
        return state == JobState.Finished ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static string Named(string error, string? jobFile) => jobFile is not null && error.StartsWith(InputException.JobFile + ":", StringComparison.Ordinal) ? jobFile + error[InputException.JobFile.Length..] : error;
}
