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

/// <summary>Proves a run: recomputes steps alone, from a checkpoint or from the start, and compares each with the ledger. Parts of other determinism classes than this machine's are left out, and named.</summary>
internal sealed class VerifyTool(VerifyRequest request, ComponentCatalog catalog, TextWriter output)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly RunFolder _run = new(request.Run);

    public int Run(CancellationToken cancellation)
    {
        JobSpec spec = JobFile.Load(_run.Job, []) with { Shards = 1 };
        LedgerLine[] lines = ReadLedger();
        (long first, long last) = Bounds(lines);
        string ours = PreparedJob.ClassOf(spec, catalog);
        LedgerPart[] parts = [.. LedgerPart.Of(lines).Where(part => part.After < last && part.To >= first).Select(part => part with { Class = part.Class ?? ClassOf(part) })];
        LedgerPart[] own = [.. parts.Where(part => part.Class is null || part.Class == ours)];
        if (own.Length == 0)
        {
            throw new InputException(request.Run, 0, $"The run was computed in the determinism class '{parts[0].Class}', this machine has '{ours}'.", "Verify it on a machine of that class: others compute other bits.");
        }

        Dictionary<long, string> ledger = lines.ToDictionary(line => line.Step, line => line.Hash);
        using PreparedJob job = PreparedJob.Prepare(spec, "verify", _run, null, acceptsClass: false, acceptsCode: false, catalog, cancellation);
        var verdict = new Verdict(true, first, last, [], [.. parts.Except(own).Select(part => new OtherPart(Math.Max(first, part.After + 1), Math.Min(last, part.To), part.Class!))], null, null, null, null);
        foreach (LedgerPart part in own)
        {
            verdict = Verify(job, part, Math.Max(first, part.After + 1), Math.Min(last, part.To), ledger, verdict, cancellation);
            if (!verdict.Equal)
            {
                break;
            }
        }

        return Tell(verdict);
    }

    /// <param name="first">Step.</param>
    /// <param name="last">Step.</param>
    private Verdict Verify(PreparedJob job, LedgerPart part, long first, long last, Dictionary<long, string> ledger, Verdict verdict, CancellationToken cancellation)
    {
        (CheckpointSet? start, first) = Start(job, part, first, last);
        var replay = new StepReplay(job, start);
        RunSummary? summary = File.Exists(_run.Summary) ? RunSummary.FromJson(File.ReadAllText(_run.Summary)) : null;
        Dictionary<long, string> models = Models(job, summary);
        long compared = 0;
        bool? equal = null;
        while (replay.Version < last)
        {
            CompareModel();
            string line = replay.Step(cancellation);
            if (replay.Version < first)
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
                return With(replay.Version) with { Equal = false, DifferentStep = replay.Version, Written = written, Computed = line };
            }

            if (!request.Json && (compared % 100 == 0 || replay.Version == last))
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"steps {first} to {replay.Version}: {compared} lines of the ledger recomputed, all equal"));
            }
        }

        CompareModel();
        return With(last) with { OtherBest = last == summary?.Steps && summary.Best is { } told && replay.Best(cancellation) is var best && best != told.Step ? new OtherBest(told.Step, best) : null };

        Verdict With(long to) => verdict with { Verified = [.. verdict.Verified, new VerifiedPart(start?.Version ?? 0, first, to, compared)], ModelEqual = equal ?? verdict.ModelEqual };

        void CompareModel()
        {
            if (models.TryGetValue(replay.Version, out string? model))
            {
                equal = IsModel(model, job, replay) && equal != false;
            }
        }
    }

    /// <summary>The run's model files that are there, by the version that each holds.</summary>
    private Dictionary<long, string> Models(PreparedJob job, RunSummary? summary)
    {
        long last = summary?.Steps ?? job.Plan.Descriptor.TotalSteps;
        var models = new Dictionary<long, string> { [last] = summary?.Best is null ? _run.Model : _run.LastModel };
        if (summary?.Best is { } best)
        {
            models[best.Step] = _run.Model;
        }

        return models.Where(model => File.Exists(model.Value)).ToDictionary();
    }

    private LedgerLine[] ReadLedger()
    {
        if (!File.Exists(_run.Ledger))
        {
            throw new InputException(_run.Ledger, 0, "There is no ledger.", "Give the folder of a run that did at least one step.");
        }

        var ledger = new List<LedgerLine>();
        foreach (string text in File.ReadLines(_run.Ledger))
        {
            try
            {
                ledger.Add(LedgerLine.FromJson(text));
            }
            catch (JsonException exception)
            {
                throw new InputException(_run.Ledger, ledger.Count + 1, $"This is no line of a ledger: {exception.Message}", "Restore the file; without it nothing can be verified.");
            }

            if (ledger.Count > 1 && ledger[^1].Step <= ledger[^2].Step)
            {
                throw new InputException(_run.Ledger, ledger.Count, $"Step {ledger[^1].Step} comes after step {ledger[^2].Step}.", "Restore the file; without it nothing can be verified.");
            }
        }

        return ledger.Count > 0 ? [.. ledger] : throw new InputException(_run.Ledger, 0, "The ledger is empty.", "Give the folder of a run that did at least one step.");
    }

    /// <returns>Steps, both of which are to be compared.</returns>
    private (long First, long Last) Bounds(LedgerLine[] ledger)
    {
        long newest = ledger[^1].Step;
        long first = request.From ?? (CheckpointSet.List(_run.Checkpoints).Where(v => v < newest).FirstOrDefault() + 1);
        long last = request.To ?? newest;
        return first >= 1 && first <= last && last <= newest
            ? (first, last)
            : throw new InputException("--steps", 0, $"Steps {first} to {last} cannot be verified: the run has done steps 1 to {newest}.", $"Choose A..B with 1 ≤ A ≤ B ≤ {newest}.");
    }

    /// <summary>Where to compute from: the newest checkpoint before the first step, of the same part of the ledger. Where none is left of it, and no step was asked for by number, the part is compared from its oldest one on.</summary>
    private (CheckpointSet? Start, long First) Start(PreparedJob job, LedgerPart part, long first, long last)
    {
        long[] kept = [.. CheckpointSet.List(_run.Checkpoints).Where(v => v >= part.After && v < last)];
        long? version = kept.Where(v => v < first).Select(v => (long?)v).LastOrDefault() ?? (part.After == 0 ? 0 : null);
        if (version is null && request.From is null && kept.Length > 0)
        {
            version = kept[0];
            first = kept[0] + 1;
        }

        if (version is null)
        {
            throw new InputException("--steps", 0, $"Step {first} cannot be computed again: the determinism class changed after step {part.After}, and no checkpoint is left between.", kept.Length > 0 ? $"Choose --steps from {kept[0] + 1} on." : $"Choose other steps than {part.After + 1} to {part.To}.");
        }

        if (version == 0)
        {
            return (null, first);
        }

        CheckpointSet start = CheckpointSet.Read(_run.Checkpoints, version.Value);
        return start.Descriptor.JobHash == job.Plan.Descriptor.JobHash
            ? (start, first)
            : throw new InputException(_run.Job, 0, "The job or its data are not those that the run was made with.", "Restore them as they were.");
    }

    /// <summary>Of a ledger that does not say: as the checkpoints within it, or the summary.</summary>
    private string? ClassOf(LedgerPart part)
    {
        string? ofCheckpoint = CheckpointSet.List(_run.Checkpoints).Where(v => v > part.After && v <= part.To).Select(v => CheckpointSet.ClassOf(_run.Checkpoints, v)).FirstOrDefault(known => known is not null);
        return ofCheckpoint ?? (File.Exists(_run.Summary) ? RunSummary.FromJson(File.ReadAllText(_run.Summary)).DeterminismClass : null);
    }

    private static bool IsModel(string path, PreparedJob job, StepReplay replay)
    {
        IReadOnlyDictionary<string, NamedTensor> written = SafeTensors.Read(path).Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        float[] model = replay.Exported;
        int offset = 0;
        foreach (var tensor in job.Plan.Descriptor.Tensors)
        {
            int length = (int)tensor.Elements;
            if (!written.TryGetValue(tensor.Name, out NamedTensor? theirs) || !model.AsSpan(offset, length).SequenceEqual(theirs.Values))
            {
                return false;
            }

            offset += length;
        }

        return written.Count == job.Plan.Descriptor.Tensors.Count;
    }

    private int Tell(Verdict verdict)
    {
        if (request.Json)
        {
            output.WriteLine(JsonSerializer.Serialize(verdict, Json));
        }
        else
        {
            foreach (OtherPart other in verdict.Others)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Not verified: steps {other.First} to {other.Last} were computed in the determinism class '{other.Class}', which this machine does not have. Verify them on one that does."));
            }

            foreach (VerifiedPart part in verdict.Equal ? verdict.Verified : verdict.Verified.SkipLast(1))
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Verified: steps {part.First} to {part.Last} were computed again from version {part.Start}, and {part.Compared} lines of the ledger are equal."));
            }

            if (verdict.ModelEqual is { } equal)
            {
                output.WriteLine(equal ? "The model file holds exactly these values." : "The model file does NOT hold these values.");
            }

            if (verdict.OtherBest is { } different)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Different: the summary says that step {different.Told} is the best, and it is {(different.Computed is { } computed ? $"step {computed}" : "none")}."));
            }

            if (!verdict.Equal)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Different: step {verdict.DifferentStep} gives {verdict.Computed}, where the ledger says {verdict.Written}. {verdict.Verified[^1].Compared - 1} steps before it are equal."));
            }
        }

        return verdict.Equal && verdict.ModelEqual != false && verdict.OtherBest is null ? 0 : 1;
    }

    /// <param name="First">Step that was asked for.</param>
    /// <param name="Last">Step that was asked for.</param>
    /// <param name="DifferentStep">The first step whose hash differs.</param>
    /// <param name="ModelEqual">Null: it was not compared.</param>
    private sealed record Verdict(bool Equal, long First, long Last, IReadOnlyList<VerifiedPart> Verified, IReadOnlyList<OtherPart> Others, long? DifferentStep, string? Written, string? Computed, bool? ModelEqual)
    {
        /// <value>Another version is the best than the summary says; null: the same, or it was not compared.</value>
        public OtherBest? OtherBest { get; init; }

        /// <value>Lines in all.</value>
        public long Compared => Verified.Sum(part => part.Compared);
    }

    /// <param name="Told">By the summary: a step.</param>
    /// <param name="Computed">Null: of none can the metric be had.</param>
    private sealed record OtherBest(long Told, long? Computed);

    /// <param name="Start">Version that was computed from.</param>
    private sealed record VerifiedPart(long Start, long First, long Last, long Compared);

    /// <param name="Class">The determinism class that the steps were computed in.</param>
    private sealed record OtherPart(long First, long Last, string Class);
}
