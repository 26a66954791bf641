using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Core.Hashing;

namespace Lockstep.Core.Checkpoints;

/// <summary>The checkpoints of a run that is taken up anew.</summary>
public static class RecordedCheckpoints
{
    /// <summary>The newest checkpoint that can be read and whose steps the ledger has: the shards may have been ahead of what was written down. Those after it are computed, and cut, again: deleted, or set aside where they are damaged.</summary>
    /// <param name="place">The run, for messages.</param>
    /// <exception cref="InputException">There are checkpoints and no ledger, or one whose lines are not those that a checkpoint was cut after.</exception>
    /// <exception cref="IOException">The folder cannot be read, or changed.</exception>
    public static RecordedCheckpoint TakeNewest(RunFolder run, string place)
    {
        long[] versions = [.. CheckpointSet.List(run.Checkpoints).Reverse()];
        if (versions.Length > 0 && !File.Exists(run.Ledger))
        {
            throw new InputException(place, 0, "The run has checkpoints and no ledger.jsonl.", "Restore the file, or train into another folder.");
        }

        (long recorded, long lines) = File.Exists(run.Ledger) ? Count(run.Ledger) : (0, 0);
        CheckLines(run, [.. versions.Where(version => version <= recorded).Reverse()]);
        var damaged = new List<string>();
        if (lines > recorded + 1)
        {
            damaged.Add(FormattableString.Invariant($"line {recorded + 1} of {run.Ledger} is damaged: what comes after step {recorded} is computed again"));
        }

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
                return new RecordedCheckpoint(version, recorded, damaged);
            }
        }

        return new RecordedCheckpoint(null, recorded, damaged);
    }

    /// <summary>Compares the ledger with what the checkpoints know of it.</summary>
    /// <param name="versions">Of checkpoints whose steps it has, ascending.</param>
    private static void CheckLines(RunFolder run, long[] versions)
    {
        if (versions.Length == 0)
        {
            return;
        }

        var digest = new LedgerDigest();
        long at = 0;
        long good = 0;
        using IEnumerator<string> lines = File.ReadLines(run.Ledger).GetEnumerator();
        foreach (long version in versions)
        {
            for (; at < version && lines.MoveNext(); at++)
            {
                digest.Add(LedgerLine.FromJson(lines.Current).Hash);
            }

            if (CheckpointSet.LedgerOf(run.Checkpoints, version) is not { } known)
            {
                continue;
            }

            if (known != digest.ToString())
            {
                throw new InputException(run.Ledger, 0, $"{(version - good == 1 ? $"Line {version} was" : $"Lines {good + 1} to {version} were")} altered: the checkpoint of step {version} was cut after others.", "Restore the file; 'lockstep verify' finds the line. Or train into another folder.");
            }

            good = version;
        }
    }

    /// <summary>How many lines there are before one that is none, and in all. The last may have been torn by a crash.</summary>
    private static (long Whole, long All) Count(string ledger)
    {
        long whole = 0;
        long all = 0;
        foreach (string line in File.ReadLines(ledger))
        {
            whole += whole == all && LedgerLine.TryFromJson(line) is { } known && known.Step == all + 1 ? 1 : 0;
            all++;
        }

        return (whole, all);
    }
}

/// <summary>Where a run goes on.</summary>
/// <param name="Version">Null: from the start.</param>
/// <param name="Recorded">Steps that the ledger has.</param>
/// <param name="Damaged">What was found of newer checkpoints, for people.</param>
public sealed record RecordedCheckpoint(long? Version, long Recorded, IReadOnlyList<string> Damaged)
{
    public override string ToString()
    {
        long again = Recorded - (Version ?? 0);
        return FormattableString.Invariant($"goes on from {(Version is { } version ? $"the checkpoint of step {version}" : "the start: no checkpoint can be used")}{(again > 0 ? $"; {(again == 1 ? "the step" : $"the {again} steps")} that the ledger has beyond it {(again == 1 ? "is" : "are")} done again" : "")}");
    }
}
