using System.Text.Json;
using Lockstep.Contracts.Runs;

namespace Lockstep.Core.Checkpoints;

/// <summary>What is left of a run that failed before its first step was done, as one whose data could not be read: there is nothing to go on from, and nothing to lose.</summary>
public static class UnbegunRun
{
    /// <summary>Whether a folder holds no step of a run.</summary>
    public static bool IsIn(RunFolder run) =>
        !CheckpointSet.List(run.Checkpoints).Any(version => version > 0) && !File.Exists(run.Model) && new FileInfo(run.Ledger) is { Exists: false } or { Length: 0 };

    /// <summary>Deletes what another run could take for its own: initial values, and what the run came to. Nothing else: the folder may hold more than a run.</summary>
    /// <exception cref="IOException">It cannot be deleted.</exception>
    public static void Clear(RunFolder run)
    {
        string initial = CheckpointSet.DirectoryOf(run.Checkpoints, 0);
        if (Directory.Exists(initial))
        {
            Directory.Delete(initial, recursive: true);
        }

        if (File.Exists(run.Summary) && IsSummary(File.ReadAllText(run.Summary)))
        {
            File.Delete(run.Summary);
        }
    }

    private static bool IsSummary(string text)
    {
        try
        {
            return RunSummary.FromJson(text).State.Length > 0;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
