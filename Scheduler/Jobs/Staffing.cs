using Lockstep.Contracts;
using Lockstep.Scheduler.Redis;
using Lockstep.Scheduler.Scaling;
using Lockstep.Scheduler.Telemetry;
using Lockstep.Scheduler.Workers;

namespace Lockstep.Scheduler.Jobs;

/// <summary>How many workers there shall be, and which of them do which job. Safe for many callers.</summary>
internal sealed class Staffing(JobList jobs, Term term, Fleet fleet, Scaler scaler, WantedWorkers wanted, SchedulerTelemetry telemetry, ILogger<Staffing> logger)
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private bool _isPublished;

    /// <summary>A term begins: the scheduler before may have wanted more workers than this one does.</summary>
    public void BeginTerm() => _isPublished = false;

    /// <summary>Decides how many workers there shall be, and brings every job's staff to what it shall have. Called when a worker or a job came or went, and now and then. Jobs are told, and not waited for.</summary>
    public async Task RunAsync()
    {
        await _turn.WaitAsync(term.Token);
        try
        {
            IReadOnlyList<ScheduledJob> open = jobs.Open;
            await DecideAsync([.. open.Where(j => j.WantsWorkers)]);
            // Workers that one job gives up are there for the next.
            foreach (ScheduledJob job in open.OrderBy(j => j.Workers <= j.TargetWorkers))
            {
                _ = job.TellAsync(new JobMessage.Staffed(fleet.Staff(job)));
            }

            telemetry.Staffed(open);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>A person asks for a number of workers; null: the policy decides again.</summary>
    public async Task ScaleAsync(int? workers)
    {
        await wanted.AskAsync(workers, term.Token);
        scaler.Scale(workers);
        await RunAsync();
    }

    /// <summary>A worker finishes what it has in hand and ends. Others take its place once its stream ends.</summary>
    /// <returns>False: there is no such worker.</returns>
    public bool Drain(string workerId)
    {
        if (!fleet.Drain(workerId))
        {
            return false;
        }

        logger.Draining(workerId);
        jobs.Open.FirstOrDefault(job => fleet.WorkersOf(job.Id).Contains(workerId))?.Append($"{workerId} was asked to leave: it hands in what it has in hand");
        return true;
    }

    private async Task DecideAsync(ScheduledJob[] wanting)
    {
        int before = scaler.Last.Desired;
        bool isRetargeted = false;
        (ScalingDecision decision, bool changed) = scaler.Decide([.. wanting.Select(j => (j.Id, j.Spec.Workers.Min, j.Spec.Workers.Max, j.Spec.Slots, j.Workers))]);
        foreach ((ScheduledJob job, JobScalingDecision target) in wanting.Zip(decision.Jobs))
        {
            job.WantedWorkers = target.IsLimit ? null : target.Target;
            if (job.TargetWorkers != target.Target)
            {
                job.TargetWorkers = target.Target;
                isRetargeted = true;
                job.Append(target.IsLimit ? $"takes all workers there are, up to {target.Target}: {target.Reason}" : $"{Amount.Of(target.Target, "worker")} wanted: {target.Reason}");
            }
            else if (changed)
            {
                // Who watches this job sees workers come and go all the same.
                job.Append($"{Amount.Of(decision.Desired, "worker")} desired in all: {decision.Reason}");
            }
        }

        if (changed)
        {
            logger.Desired(decision.Desired, decision.Reason);
            telemetry.Scaled(before, decision.Desired, scaler.Asked is not null ? ScalingReason.Person : wanting.Length == 0 ? ScalingReason.Idle : ScalingReason.Policy, decision.Reason);
        }

        // In a new term once in any case.
        if (changed || !_isPublished)
        {
            await wanted.PublishAsync(decision.Desired, term.Token);
            _isPublished = true;
        }

        if (changed || isRetargeted)
        {
            await wanted.RememberAsync(scaler.Memory.ToJson(), term.Token);
        }
    }
}
