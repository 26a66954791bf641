using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Checkpoints;

/// <summary>The checkpoints of a run that is taken up anew.</summary>
public static class RecordedCheckpoints
{
    /// <summary>The newest checkpoint whose steps the ledger has: the shards may have been ahead of what was written down. Those after it are deleted, as they are computed, and cut, again.</summary>
    /// <param name="place">The run, for messages.</param>
    /// <returns>Its version; 0: there is none.</returns>
    /// <exception cref="InputException">There are checkpoints and no ledger.</exception>
    /// <exception cref="IOException">The folder cannot be read, or changed.</exception>
    public static long TakeNewest(RunFolder run, string place)
    {
        IReadOnlyList<long> versions = CheckpointSet.List(run.Checkpoints);
        if (versions.Count > 0 && !File.Exists(run.Ledger))
        {
            throw new InputException(place, 0, "The run has checkpoints and no ledger.jsonl.", "Restore the file, or train into another folder.");
        }

        long recorded = versions.Count > 0 ? File.ReadLines(run.Ledger).TakeWhile(IsWhole).LongCount() : 0;
        long newest = 0;
        foreach (long version in versions)
        {
            if (version <= recorded)
            {
                newest = version;
            }
            else
            {
                Directory.Delete(CheckpointSet.DirectoryOf(run.Checkpoints, version), recursive: true);
            }
        }

        return newest;
    }

    // The last line may have been torn.
    private static bool IsWhole(string line)
    {
        try
        {
            return LedgerLine.FromJson(line).Step > 0;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
