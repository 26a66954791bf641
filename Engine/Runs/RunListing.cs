using System.Text;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;

namespace Lockstep.Engine.Runs;

/// <summary>One run of a folder of runs.</summary>
/// <param name="Run">Its folder's name.</param>
/// <param name="State">finished, failed or cancelled; unfinished: it goes on, or broke off; not begun: no step was done; damaged: its summary cannot be read.</param>
/// <param name="Steps">That were done.</param>
/// <param name="Seconds">Of wall time; null: it is not over.</param>
/// <param name="Loss">Of training, as the summary or the newest step has it; null: there is none.</param>
/// <param name="Validation">By metric; empty: there was no evaluation, or none that is near the end of the records.</param>
/// <param name="Error">Null: there is none.</param>
/// <param name="Written">When something was recorded last.</param>
public sealed record ListedRun(string Run, string Job, string State, long Steps, double? Seconds, double? Loss, IReadOnlyDictionary<string, double> Validation, string? Error, DateTimeOffset Written);

/// <summary>Looks through a folder of runs. Of each it reads the summary, or the end of the records of one that has none yet.</summary>
public static class RunListing
{
    /// <summary>Where runs lie that were given no other place.</summary>
    public const string UsualFolder = "runs";

    private const string Unfinished = "unfinished";
    private const string NotBegun = "not begun";
    private const string Damaged = "damaged";

    /// <summary>Records of hundreds of workers.</summary>
    private const int TailBytes = 1 << 18;

    private static readonly IReadOnlyDictionary<string, double> NoMetrics = new Dictionary<string, double>();

    /// <param name="folder">Of runs, or that of one run.</param>
    /// <returns>In order of their newest records.</returns>
    /// <exception cref="InputException">There is no such folder, or it cannot be read.</exception>
    public static IReadOnlyList<ListedRun> Read(string folder)
    {
        try
        {
            IEnumerable<string> runs = File.Exists(new RunFolder(folder).Job) ? [folder] : Directory.EnumerateDirectories(folder).Where(path => File.Exists(new RunFolder(path).Job));
            return [.. runs.Select(path => Of(new RunFolder(path))).OrderBy(run => run.Written).ThenBy(run => run.Run, StringComparer.Ordinal)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(folder, 0, exception is DirectoryNotFoundException ? "There is no such folder." : $"The folder cannot be read: {exception.Message}", $"Give a folder of runs, such as {UsualFolder}.");
        }
    }

    private static ListedRun Of(RunFolder run)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(run.Path)));
        DateTimeOffset recorded = WrittenAt(run.Metrics);
        // One that goes on has the summary of its end before.
        if (File.Exists(run.Summary) && WrittenAt(run.Summary) is var summarized && summarized >= recorded)
        {
            try
            {
                var summary = RunSummary.FromJson(File.ReadAllText(run.Summary));
                return new ListedRun(name, summary.Job, summary.State, summary.Steps, summary.Seconds, summary.Steps > 0 ? summary.TrainLoss : null, summary.Validation, summary.Error, summarized);
            }
            catch (JsonException exception)
            {
                return new ListedRun(name, "", Damaged, 0, null, null, NoMetrics, $"summary.json cannot be read: {exception.Message}", summarized);
            }
        }

        IReadOnlyList<RunRecord> end = End(run.Metrics);
        StepRecord? step = end.OfType<StepRecord>().LastOrDefault();
        return step is null
            ? new ListedRun(name, "", NotBegun, 0, null, null, NoMetrics, null, WrittenAt(run.Job))
            : new ListedRun(name, "", Unfinished, step.Step, null, step.Loss, end.OfType<EvaluationRecord>().LastOrDefault()?.Validation ?? NoMetrics, null, recorded);
    }

    /// <summary>The last records; a line that is cut off at either end is none.</summary>
    private static IReadOnlyList<RunRecord> End(string metrics)
    {
        if (!File.Exists(metrics))
        {
            return [];
        }

        using var file = new FileStream(metrics, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = Math.Max(0, file.Length - TailBytes);
        using var reader = new StreamReader(file, Encoding.UTF8);
        var records = new List<RunRecord>();
        while (reader.ReadLine() is { } line)
        {
            try
            {
                records.Add(RunRecord.FromJson(line));
            }
            catch (JsonException)
            {
            }
        }

        return records;
    }

    private static DateTimeOffset WrittenAt(string path) => File.Exists(path) ? new DateTimeOffset(File.GetLastWriteTimeUtc(path)) : DateTimeOffset.MinValue;
}
