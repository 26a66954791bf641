using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Contracts.Faults;

/// <summary>Reads a schedule of faults: YAML, or JSON where the file's name ends so.</summary>
public static class FaultSchedule
{
    private const string AtKey = "at";
    private const string RootKey = "faults";

    private static readonly JobKey Time = new(AtKey, ValueKind.Map, "When it happens.")
    {
        Required = true,
        Keys =
        [
            new("seconds", ValueKind.Number, "Seconds since the first step was published.") { Minimum = 0 },
            new("step", ValueKind.Whole, "Once so many steps are done.") { Minimum = 0, Maximum = long.MaxValue },
            new("phase", ValueKind.Word, "Where in a step of the process; only kill, drain, exception and kill-shard.") { Words = JobWords.All<FaultPhase>() },
            new("worker", ValueKind.Text, "The worker, where a phase is given; the same as target.") { Pattern = "worker-(0|[1-9][0-9]*)" },
        ],
    };

    private static readonly JobKey Item = new("fault", ValueKind.Map, "A fault.")
    {
        Keys =
        [
            new("kind", ValueKind.Word, "What happens.") { Required = true, Words = JobWords.All<FaultKind>() },
            Time,
            new("target", ValueKind.Text, "The process: worker-0 and on, ps-0 and on, scheduler, redis; default: drawn by the seed.") { Pattern = "worker-(0|[1-9][0-9]*)|ps-(0|[1-9][0-9]*)|scheduler|redis" },
            new("duration", ValueKind.Number, "Seconds that it lasts.") { Minimum = 0, AboveMinimum = true, Maximum = 86400 },
            new("workers", ValueKind.Whole, "scale: how many workers there shall be; default: drawn by the seed.") { Minimum = 1, Maximum = 1000 },
            new("share", ValueKind.Number, "Faults of messages: fraction of the calls.") { Minimum = 0, AboveMinimum = true, Maximum = 1 },
            new("shard", ValueKind.Whole, "Faults of messages: index of the shard at the other end; default: all.") { Minimum = 0, Maximum = 65535 },
            new("side", ValueKind.Word, "partition: which way nothing passes.") { Words = JobWords.All<PartitionSide>() },
        ],
    };

    private static readonly JobKey Root = new("schedule", ValueKind.Map, "A schedule of faults.")
    {
        Keys = [new(RootKey, ValueKind.List, "The faults.") { Required = true, NotEmpty = true, Items = Item }],
    };

    /// <exception cref="InputException">It cannot be read, or something in it is wrong: all that could be found at once.</exception>
    public static IReadOnlyList<Fault> Load(string path)
    {
        try
        {
            return Parse(TextReading.ReadWritten(path), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException(path, 0, $"The schedule cannot be read: {exception.Message}", "Give the path of a schedule; docs/faults.md shows one.");
        }
    }

    /// <param name="file">Its name, for messages; .json: the text is JSON.</param>
    /// <exception cref="InputException">Something in it is wrong: all that could be found at once.</exception>
    public static IReadOnlyList<Fault> Parse(string text, string file)
    {
        var errors = new List<InputError>();
        if (text.Split('\n').All(line => line.TrimStart() is "" or ['#', ..]))
        {
            throw new InputException(file, 0, "The schedule is empty.", "Write its faults; docs/faults.md shows some.");
        }

        JobNode root = JobNode.Parse(text, file);
        JobValues values = new JobReader(errors).Read(root is JobList ? new JobMap(root.File, root.Line, [new(RootKey, root.Line, root)]) : root, Root);
        Fault[] faults = [.. values.List<JobValues>(RootKey).Select(item => Build(item, errors)).OfType<Fault>()];
        return errors.Count == 0 ? faults : throw new InputException([.. errors.OrderBy(e => e.Line)]);
    }

    private static Fault? Build(JobValues item, List<InputError> errors)
    {
        if (item.Word<FaultKind>("kind") is not { } kind || !item.Given.Contains(AtKey))
        {
            return null;
        }

        JobValues at = item.Map(AtKey);
        FaultRule rule = FaultRule.Of(kind);
        var time = new FaultTime(at.Number("seconds"), (long?)at.Whole("step"), at.Word<FaultPhase>("phase"));
        string? target = item.Text("target") ?? at.Text("worker");
        Check(item, kind, rule, at, time, target, errors);
        return new Fault(kind, time)
        {
            Target = target,
            Line = item.LineOf("target"),
            Duration = item.Number("duration") ?? rule.Duration ?? 0,
            Workers = item.Int("workers"),
            Share = item.Number("share") ?? rule.Share ?? 1,
            Shard = item.Int("shard"),
            Side = item.Word<PartitionSide>("side") ?? PartitionSide.Both,
        };
    }

    private static void Check(JobValues item, FaultKind kind, FaultRule rule, JobValues at, FaultTime time, string? target, List<InputError> errors)
    {
        string word = JobWords.Of(kind);
        void Refuse(string key, string remedy) => errors.Add(new(item.File, item.LineOf(key), $"A fault of kind '{word}' has no '{key}'.", remedy));

        if (item.Given.Contains("duration") && rule.Duration is null)
        {
            Refuse("duration", "Remove it: it is over at once.");
        }

        if (item.Given.Contains("workers") && kind != FaultKind.Scale)
        {
            Refuse("workers", "Remove it, or use the kind 'scale'.");
        }

        if (item.Given.Contains("share") && rule.Share is null)
        {
            Refuse("share", "Remove it.");
        }

        if (item.Given.Contains("shard") && !FaultRule.IsOfMessages(kind))
        {
            Refuse("shard", "Name the process with 'target'.");
        }

        if (item.Given.Contains("side") && kind != FaultKind.Partition)
        {
            Refuse("side", "Remove it.");
        }

        if (at.Given.Contains("seconds") == at.Given.Contains("step"))
        {
            errors.Add(new(item.File, item.LineOf(AtKey), "'at' needs either 'seconds' or 'step'.", "Write at: {seconds: 5}, or at: {step: 20}."));
        }

        if (at.Given.Contains("phase") && (!FaultRule.HasPhases(kind) || time.Step is null))
        {
            errors.Add(new(item.File, at.LineOf("phase"), FaultRule.HasPhases(kind) ? "A phase is one of a step." : $"A fault of kind '{word}' has no phase.", "Use kill, drain, exception or kill-shard, with at: {step: …, phase: …}."));
        }
        else if (time.Phase is { } phase && !FaultRule.HasPhase(kind, phase))
        {
            errors.Add(new(item.File, at.LineOf("phase"), $"A fault of kind '{word}' has no phase '{JobWords.Of(phase)}'.", $"Use one of {string.Join(", ", Enum.GetValues<FaultPhase>().Where(p => FaultRule.HasPhase(kind, p)).Select(JobWords.Of))}."));
        }

        if (at.Text("worker") is { } worker)
        {
            if (time.Phase is null)
            {
                errors.Add(new(item.File, at.LineOf("worker"), "'worker' goes with a phase.", "Name the process with 'target', beside 'at'."));
            }
            else if (target != worker)
            {
                errors.Add(new(item.File, at.LineOf("worker"), $"The fault befalls '{target}', and 'at' says '{worker}'.", "Remove one of them."));
            }
        }

        if (target is not null && RoleOf(target) is var role && role != rule.Role)
        {
            string key = item.Given.Contains("target") ? "target" : AtKey;
            errors.Add(new(item.File, item.LineOf(key), $"'{target}' is no target of '{word}'.", rule.Role == FaultRole.Fleet ? "Remove it." : $"Give the name of a {rule.Role switch { FaultRole.Shard => "parameter server, such as ps-0", FaultRole.Worker => "worker, such as worker-0", _ => "process: " + JobWords.Of(rule.Role) }}."));
        }
    }

    private static FaultRole RoleOf(string target) => target switch
    {
        "scheduler" => FaultRole.Scheduler,
        "redis" => FaultRole.Redis,
        _ when target.StartsWith("ps-", StringComparison.Ordinal) => FaultRole.Shard,
        _ => FaultRole.Worker,
    };
}
