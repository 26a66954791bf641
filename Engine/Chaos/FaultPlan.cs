using System.Globalization;
using Lockstep.Contracts;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Sampling;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Chaos;

/// <summary>Which faults a run meets, and when. Follows from its arguments alone: the same seed gives the same plan.</summary>
/// <param name="Faults">Those that go by steps first, then those that go by time, ascending. Without end where they are drawn, unless all that is drawn is workers more.</param>
/// <param name="Count">Null: they are drawn.</param>
public sealed record FaultPlan(IEnumerable<Fault> Faults, int? Count)
{
    private const ulong Gaps = 1;
    private const ulong Kinds = 2;
    private const ulong Targets = 3;
    private const ulong Inside = 4;

    /// <summary>Whether a process of the run does it to itself.</summary>
    internal static bool IsInside(Fault fault) => FaultRule.Of(fault.Kind).IsInside || fault.At.Phase is not null;

    /// <summary>The most workers that there can be at once in a run that begins with some and meets a schedule.</summary>
    public static int MostWorkers(IReadOnlyList<Fault> schedule, int workers) =>
        Math.Max(workers, schedule.Max(f => f.Kind == FaultKind.Scale ? f.Workers : null) ?? 0) + schedule.Count(f => f.Kind == FaultKind.Add);

    /// <summary>The faults of a schedule; whom one befalls that names nobody is drawn.</summary>
    /// <param name="file">Of the schedule, for messages.</param>
    /// <param name="minimum">Workers without which the job waits.</param>
    /// <exception cref="InputException">A target is none of the run's processes, or the run would wait for ever.</exception>
    public static FaultPlan Scheduled(IReadOnlyList<Fault> schedule, string file, int workers, int shards, ulong seed, int minimum = 1)
    {
        int most = MostWorkers(schedule, workers);
        InputError[] errors =
        [
            .. schedule.Where(f => f.Target is { } target && NumberOf(target) is { } number && number >= (FaultRule.Of(f.Kind).Role == FaultRole.Shard ? shards : most))
                .Select(f => new InputError(file, f.Line, $"There is no {f.Target} in a run of {Amount.Of(workers, "worker")} and {Amount.Of(shards, "shard")}.", "Name another, or raise --workers or --shards.")),
            .. schedule.Where(f => f.Shard >= shards).Select(f => new InputError(file, f.Line, $"There is no shard {f.Shard} in a run of {Amount.Of(shards, "shard")}.", "Name another, or raise --shards.")),
            .. schedule.Where(f => f.Workers < minimum && !schedule.Any(other => Rescues(other, f)))
                .Select(f => new InputError(file, f.Line, $"With {Amount.Of(f.Workers!.Value, "worker")} the job waits for ever, as its workers.min is {minimum}.", $"Scale to {minimum} or more, let a later fault by seconds scale it up again, or lower workers.min.")),
        ];
        if (errors.Length > 0)
        {
            throw new InputException(errors);
        }

        // A job that waits does no steps.
        bool Rescues(Fault other, Fault fault) => other.Workers >= minimum && other.At.Seconds is { } then && (fault.At.Seconds is not { } at || then > at);

        Fault[] faults = [.. schedule.Select((fault, index) => Complete(fault, (ulong)index, workers, shards, seed)).OrderBy(f => f.At.Seconds ?? -1)];
        return new FaultPlan(faults, faults.Length);
    }

    /// <summary>Faults at random: gaps between them are exponential, kinds and targets uniform.</summary>
    /// <param name="meanSeconds">Mean gap, above 0.</param>
    /// <param name="kinds">At least one.</param>
    /// <param name="mostAdded">Once so many workers were added, no more are.</param>
    public static FaultPlan Drawn(double meanSeconds, IReadOnlyList<FaultKind> kinds, int workers, int shards, int mostAdded, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(meanSeconds);
        ArgumentOutOfRangeException.ThrowIfZero(kinds.Count);
        return new FaultPlan(Draw(), null);

        IEnumerable<Fault> Draw()
        {
            double seconds = 0;
            int added = 0;
            FaultKind[] left = [.. kinds.Where(k => k != FaultKind.Add || mostAdded > 0)];
            for (ulong index = 0; left.Length > 0; index++)
            {
                seconds -= meanSeconds * Math.Log(1 - Uniform(seed, index, Gaps));
                FaultKind kind = left[(int)(Uniform(seed, index, Kinds) * left.Length)];
                if (kind == FaultKind.Add && ++added == mostAdded)
                {
                    left = [.. left.Where(k => k != FaultKind.Add)];
                }

                FaultRule rule = FaultRule.Of(kind);
                yield return Complete(new Fault(kind, new FaultTime(Math.Round(seconds, 3), null, null)) { Duration = rule.Duration ?? 0, Share = rule.Share ?? 1 }, index, workers, shards, seed);
            }
        }
    }

    private static Fault Complete(Fault fault, ulong index, int workers, int shards, ulong seed)
    {
        double draw = Uniform(seed, index, Targets);
        string? target = fault.Target ?? FaultRule.Of(fault.Kind).Role switch
        {
            FaultRole.Worker => FleetPlan.WorkerName((int)(draw * workers)),
            FaultRole.Shard => FleetPlan.ShardName((int)(draw * shards)),
            FaultRole.Scheduler => FleetPlan.SchedulerName,
            FaultRole.Redis => FleetPlan.RedisName,
            _ => null,
        };
        int? wanted = fault.Workers ?? (fault.Kind == FaultKind.Scale ? 1 + (int)(draw * workers) : null);
        return fault with { Target = target, Workers = wanted, Seed = CounterRandom.Key(seed, index, Inside) };
    }

    /// <returns>Null: it has no number. One that no integer holds is the largest there is.</returns>
    private static int? NumberOf(string target)
    {
        string digits = target[(target.LastIndexOf('-') + 1)..];
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : digits.All(char.IsAsciiDigit) ? int.MaxValue : null;
    }

    /// <summary>In [0, 1).</summary>
    private static double Uniform(ulong seed, ulong index, ulong what) => (CounterRandom.Key(seed, index, what) >> 11) * (1.0 / (1L << 53));
}
