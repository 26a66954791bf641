using System.Globalization;
using System.Text.Json;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Tools;
using Lockstep.Core.Checkpoints;
using Lockstep.Training;
using Lockstep.Worker.Jobs;

namespace Lockstep.Worker.Tools;

/// <summary>Proves a run: recomputes steps alone, from a checkpoint or from the start, and compares each with the ledger.</summary>
internal sealed class VerifyTool(VerifyRequest request, TextWriter output)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly RunFolder _run = new(request.Run);

    public int Run(CancellationToken cancellation)
    {
        JobSpec spec = JobFile.Load(_run.Job, []) with { Shards = 1 };
        SortedDictionary<long, string> ledger = ReadLedger();
        (long from, long to) = Bounds(ledger);
        CheckpointSet? start = Start(from);
        using OpenedJob job = OpenedJob.Open(spec, "verify", _run, null, cancellation);
        CheckClass(job, start);

        var replay = new StepReplay(job, start);
        long compared = 0;
        while (replay.Version < to)
        {
            string line = replay.Step(cancellation);
            if (replay.Version <= from)
            {
                continue;
            }

            if (!ledger.TryGetValue(replay.Version, out string? written))
            {
                throw new InputException(_run.Ledger, 0, $"The ledger has no line for step {replay.Version}.", "Choose --steps within what it holds, or restore the file.");
            }

            compared++;
            if (line != written)
            {
                return Tell(new(false, from, to, compared, start?.Version ?? 0, replay.Version, written, line, null));
            }

            if (!request.Json && (compared % 100 == 0 || replay.Version == to))
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"steps {from + 1} to {replay.Version}: {compared} lines of the ledger recomputed, all equal"));
            }
        }

        return Tell(new(true, from, to, compared, start?.Version ?? 0, null, null, null, to == job.Job.Descriptor.TotalSteps ? CompareModel(job, replay) : null));
    }

    private SortedDictionary<long, string> ReadLedger()
    {
        var ledger = new SortedDictionary<long, string>();
        if (!File.Exists(_run.Ledger))
        {
            throw new InputException(_run.Ledger, 0, "There is no ledger.", "Give the folder of a run that did at least one step.");
        }

        int at = 0;
        foreach (string text in File.ReadLines(_run.Ledger))
        {
            at++;
            try
            {
                LedgerLine line = LedgerLine.FromJson(text);
                ledger[line.Step] = line.Hash;
            }
            catch (JsonException exception)
            {
                throw new InputException(_run.Ledger, at, $"This is no line of a ledger: {exception.Message}", "Restore the file; without it nothing can be verified.");
            }
        }

        return ledger.Count > 0 ? ledger : throw new InputException(_run.Ledger, 0, "The ledger is empty.", "Give the folder of a run that did at least one step.");
    }

    private (long From, long To) Bounds(SortedDictionary<long, string> ledger)
    {
        long last = ledger.Keys.Last();
        long from = request.From ?? CheckpointSet.List(_run.Checkpoints).Where(v => v < last).FirstOrDefault();
        long to = request.To ?? last;
        return from >= 0 && from < to && to <= last
            ? (from, to)
            : throw new InputException("--steps", 0, $"Steps {from} to {to} cannot be verified: the run has done {last}.", $"Choose A..B with 0 ≤ A < B ≤ {last}.");
    }

    private CheckpointSet? Start(long from)
    {
        long version = CheckpointSet.List(_run.Checkpoints).Where(v => v <= from).DefaultIfEmpty(0).Max();
        return version == 0 ? null : CheckpointSet.Read(_run.Checkpoints, version);
    }

    private void CheckClass(OpenedJob job, CheckpointSet? start)
    {
        string? theirs = start?.Descriptor.DeterminismClass ?? (File.Exists(_run.Summary) ? RunSummary.FromJson(File.ReadAllText(_run.Summary)).DeterminismClass : null);
        if (theirs is not null && theirs != job.Job.Descriptor.DeterminismClass)
        {
            throw new InputException(request.Run, 0, $"The run was computed in the determinism class '{theirs}', this machine has '{job.Job.Descriptor.DeterminismClass}'.", "Verify it on a machine of that class: others compute other bits.");
        }

        if (start is not null && start.Descriptor.JobHash != job.Job.Descriptor.JobHash)
        {
            throw new InputException(_run.Job, 0, "The job or its data are not those that the run was made with.", "Restore them as they were.");
        }
    }

    private bool? CompareModel(OpenedJob job, StepReplay replay)
    {
        if (!File.Exists(_run.Model))
        {
            return null;
        }

        IReadOnlyDictionary<string, NamedTensor> written = SafeTensors.Read(_run.Model).Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        float[] model = replay.Model;
        int offset = 0;
        foreach (var tensor in job.Job.Descriptor.Tensors)
        {
            int length = (int)tensor.Elements;
            if (!written.TryGetValue(tensor.Name, out NamedTensor? theirs) || !model.AsSpan(offset, length).SequenceEqual(theirs.Values))
            {
                return false;
            }

            offset += length;
        }

        return written.Count == job.Job.Descriptor.Tensors.Count;
    }

    private int Tell(Verdict verdict)
    {
        bool good = verdict.Equal && verdict.ModelEqual != false;
        if (request.Json)
        {
            output.WriteLine(JsonSerializer.Serialize(verdict, Json));
        }
        else if (verdict.Equal)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Verified: steps {verdict.From + 1} to {verdict.To} were computed again from version {verdict.Start}, and {verdict.Compared} lines of the ledger are equal.")
                + verdict.ModelEqual switch { true => " The model file holds exactly these values.", false => " The model file does NOT hold these values.", null => "" });
        }
        else
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Different: step {verdict.DifferentStep} gives {verdict.Computed}, where the ledger says {verdict.Written}. {verdict.Compared - 1} steps before it are equal."));
        }

        return good ? 0 : 1;
    }

    /// <param name="Start">Version that was computed from.</param>
    /// <param name="DifferentStep">The first step whose hash differs.</param>
    /// <param name="ModelEqual">Null: it was not compared.</param>
    private sealed record Verdict(bool Equal, long From, long To, long Compared, long Start, long? DifferentStep, string? Written, string? Computed, bool? ModelEqual);
}
