using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Protocol;

namespace Lockstep.Core.Checkpoints;

/// <summary>The checkpoints of a run that is taken up anew.</summary>
public static class RecordedCheckpoints
{
    /// <summary>The newest checkpoint that can be read and whose steps the ledger has: the shards may have been ahead of what was written down. Those after it are computed, and cut, again: deleted, or set aside where they are damaged.</summary>
    /// <param name="place">The run, for messages.</param>
    /// <exception cref="InputException">There are checkpoints and no ledger.</exception>
    /// <exception cref="IOException">The folder cannot be read, or changed.</exception>
    public static RecordedCheckpoint TakeNewest(RunFolder run, string place)
    {
        long[] versions = [.. CheckpointSet.List(run.Checkpoints).Reverse()];
        if (versions.Length > 0 && !File.Exists(run.Ledger))
        {
            throw new InputException(place, 0, "The run has checkpoints and no ledger.jsonl.", "Restore the file, or train into another folder.");
        }

        long recorded = versions.Length > 0 ? File.ReadLines(run.Ledger).TakeWhile(IsWhole).LongCount() : 0;
        var damaged = new List<string>();
        foreach (long version in versions)
        {
            if (version > recorded)
            {
                Directory.Delete(CheckpointSet.DirectoryOf(run.Checkpoints, version), recursive: true);
            }
            else if (CheckpointSet.DamageOf(run.Checkpoints, version) is { } damage)
            {
                damaged.Add(FormattableString.Invariant($"the checkpoint of step {version} is damaged ({damage}); it is set aside as {CheckpointSet.SetAside(run.Checkpoints, version)}"));
            }
            else
            {
                return new RecordedCheckpoint(version, damaged);
            }
        }

        return new RecordedCheckpoint(null, damaged);
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

/// <summary>Where a run goes on.</summary>
/// <param name="Version">Null: from the start.</param>
/// <param name="Damaged">What was found of newer checkpoints, for people.</param>
public sealed record RecordedCheckpoint(long? Version, IReadOnlyList<string> Damaged);
