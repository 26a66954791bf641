using System.Globalization;

namespace Lockstep.Scheduler.Scaling;

/// <summary>What the speed-up policy goes by.</summary>
public sealed record SpeedUpOptions
{
    /// <value>How long a number of workers is measured before another is tried. Default 10 s.</value>
    public TimeSpan Measure { get; init; } = TimeSpan.FromSeconds(10);

    /// <value>How long a number that did not pay is not tried again. Default 5 min.</value>
    public TimeSpan CoolDown { get; init; } = TimeSpan.FromMinutes(5);

    /// <value>How long workers stay when no job wants them. Default 30 s.</value>
    public TimeSpan IdleGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <value>Fraction of the ideal gain that pays for the added workers. Default 0.5.</value>
    public double Pays { get; init; } = 0.5;

    /// <value>Fraction of the ideal gain below which added workers are given up again; lower than <see cref="Pays"/>, so that a number in between stays. Default 0.2.</value>
    public double Useless { get; init; } = 0.2;
}

/// <summary>
/// Climbs: a job begins with its minimum, and gets more workers for as long as the last ones paid. Only numbers that shorten a step are tried, as w workers need ⌈M/w⌉ rounds.
/// A number that brought next to nothing is given up, and not tried again for a while.
/// </summary>
public sealed class SpeedUpPolicy(SpeedUpOptions options) : IScalingPolicy
{
    public ScalingDecision Decide(DateTimeOffset now, ScalingSnapshot snapshot)
    {
        if (snapshot.Scale is { } scale)
        {
            int asked = Math.Min(scale, snapshot.Limit);
            string limited = asked < scale ? Text($", of which {asked} are allowed") : "";
            return new(asked, Text($"scaled to {scale}{limited}"), Share(snapshot, asked, "as scaled"));
        }

        if (snapshot.Jobs.Count == 0)
        {
            return snapshot.IdleSince is { } since && now - since < options.IdleGrace && snapshot.Desired > 0
                ? new(snapshot.Desired, Text($"idle for less than {options.IdleGrace.TotalSeconds:0} s"), [])
                : new(0, "no job wants workers", []);
        }

        // Minima first, in order: a job without its own cannot begin, and waits for those before it. What is left goes, in order, to who wants more.
        int left = snapshot.Limit;
        var begins = new bool[snapshot.Jobs.Count];
        var found = new int[begins.Length];
        for (int i = 0; i < begins.Length; i++)
        {
            found[i] = left;
            begins[i] = left >= snapshot.Jobs[i].Minimum;
            left -= begins[i] ? snapshot.Jobs[i].Minimum : 0;
        }

        var jobs = new List<JobScalingDecision>(snapshot.Jobs.Count);
        for (int i = 0; i < begins.Length; i++)
        {
            JobScalingDecision wanted = Decide(now, snapshot.Jobs[i]);
            if (!begins[i])
            {
                jobs.Add(wanted with { Target = 0, Reason = Lacks(snapshot.Jobs[i], found[i], Text($"{snapshot.Limit} allowed")) });
                continue;
            }

            int least = snapshot.Jobs[i].Minimum;
            int target = Math.Min(wanted.Target, least + left);
            jobs.Add(target == wanted.Target ? wanted : wanted with { Target = target, Reason = Text($"{least + left} of the {snapshot.Limit} workers allowed are left") });
            left -= target - least;
        }

        return new(jobs.Sum(j => j.Target), string.Join("; ", jobs.Select(j => $"{j.JobId}: {j.Reason}")), jobs);
    }

    private JobScalingDecision Decide(DateTimeOffset now, JobScalingSnapshot job)
    {
        int most = Math.Max(job.Minimum, Math.Min(job.Maximum, job.Slots));
        if (job.Target == 0)
        {
            return new(job.JobId, job.Minimum, "begins with its minimum");
        }

        int current = Math.Clamp(job.Target, job.Minimum, most);
        if (job.Active < current || !job.Speeds.TryGetValue(current, out double speed) || now - job.TargetSince < options.Measure)
        {
            return new(job.JobId, current, Text($"measuring {current}"));
        }

        int[] before = [.. job.Speeds.Keys.Where(w => w < current && w >= job.Minimum)];
        if (before.Length > 0)
        {
            int fewer = before.Max();
            double gain = Gain(job, fewer, current, job.Speeds[fewer], speed);
            if (gain < options.Useless)
            {
                return new(job.JobId, fewer, gain < 0 ? Text($"{current} workers were slower than {fewer}") : Text($"{current} workers brought {gain:P0} of what they could over {fewer}"), Retreats: true);
            }

            if (gain < options.Pays)
            {
                return new(job.JobId, current, Text($"{current} workers brought {gain:P0} of what they could over {fewer}: enough to stay, not for more"));
            }
        }

        int next = Next(job.Slots, current, most);
        if (next == current)
        {
            return new(job.JobId, current, current == most ? Text($"at its most, {most}") : Text($"more than {current} would not shorten a step of {job.Slots} slots"));
        }

        if (job.Retreated is { } retreated && now - retreated < options.CoolDown)
        {
            return new(job.JobId, current, Text($"{next} did not pay; tried again {options.CoolDown.TotalMinutes:0} min after"));
        }

        return new(job.JobId, next, Text($"{current} pay, trying {next}"));
    }

    /// <summary>The measured gain as a fraction of what the rounds allow.</summary>
    private static double Gain(JobScalingSnapshot job, int fewer, int more, double slow, double fast)
    {
        double ideal = ((double)Rounds(job.Slots, fewer) / Rounds(job.Slots, more)) - 1;
        return ideal <= 0 ? 0 : ((fast / slow) - 1) / ideal;
    }

    /// <summary>The smallest number above that shortens a step.</summary>
    private static int Next(int slots, int workers, int most)
    {
        for (int next = workers + 1; next <= most; next++)
        {
            if (Rounds(slots, next) < Rounds(slots, workers))
            {
                return next;
            }
        }

        return workers;
    }

    private static int Rounds(int slots, int workers) => (slots + workers - 1) / workers;

    private static List<JobScalingDecision> Share(ScalingSnapshot snapshot, int workers, string reason)
    {
        // Minima first, in the jobs' order; what is left goes to the first that can use it.
        int left = workers;
        var targets = new int[snapshot.Jobs.Count];
        var found = new int[targets.Length];
        for (int i = 0; i < targets.Length; i++)
        {
            found[i] = left;
            if (left >= snapshot.Jobs[i].Minimum)
            {
                targets[i] = snapshot.Jobs[i].Minimum;
                left -= targets[i];
            }
        }

        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] > 0)
            {
                int more = Math.Min(left, snapshot.Jobs[i].Maximum - targets[i]);
                targets[i] += more;
                left -= more;
            }
        }

        return [.. snapshot.Jobs.Select((job, i) => new JobScalingDecision(job.JobId, targets[i], targets[i] > 0 ? reason : Lacks(job, found[i], Text($"{workers} asked for"))))];
    }

    private static string Lacks(JobScalingSnapshot job, int left, string of) => Text($"it needs at least {job.Minimum}, and {left} of the {of} {(left == 1 ? "is" : "are")} left");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
