using System.Text.Json;

namespace Lockstep.Contracts.Runs;

/// <summary>Reads the records of a run, which may be going on.</summary>
public static class RunRecords
{
    /// <param name="place">The run, for messages.</param>
    /// <exception cref="InputException">There are none, or a line is no record. The last one may be torn, and is then left out.</exception>
    public static IReadOnlyList<RunRecord> Read(RunFolder run, string place)
    {
        if (!File.Exists(run.Metrics))
        {
            throw new InputException(place, 0, "This is no folder of a run that did a step: it has no metrics.jsonl.", "Give the folder that 'lockstep train' named.");
        }

        var records = new List<RunRecord>();
        // Who writes it goes on.
        using var file = new FileStream(run.Metrics, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        (int Line, string Why)? damage = null;
        for (int line = 1; reader.ReadLine() is { } text; line++)
        {
            if (damage is var (at, why))
            {
                throw new InputException(run.Metrics, at, $"This is no record of a run: {why}", "Restore the file, or delete the line.");
            }

            try
            {
                records.Add(RunRecord.FromJson(text));
            }
            catch (JsonException exception)
            {
                damage = (line, exception.Message);
            }
        }

        return records;
    }
}
