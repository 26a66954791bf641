using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Client;

namespace Lockstep.Overhead;

/// <summary>Asks for a checkpoint each hundred steps, in the periods in which that is on: written as one of the job's own policy is, and a request dearer.</summary>
/// <param name="isSecond">On where it is off in the other fleet.</param>
internal sealed class CheckpointCalls(bool isSecond)
{
    private const int Every = 100;

    /// <value>Checkpoints that came to be on disk.</value>
    public int Written { get; private set; }

    public async Task RunAsync(LocalFleet fleet, CpuMeter meter, CancellationToken cancellation)
    {
        using var scheduler = new SchedulerClient(fleet.Scheduler, TimeProvider.System);
        string? job = null;
        for (long step = Every; ; step += Every)
        {
            await meter.ReachAsync(step).WaitAsync(cancellation);
            if (Periods.IsOn(Periods.Of(TimeProvider.System.GetUtcNow())) == isSecond)
            {
                continue;
            }

            job ??= (await scheduler.ListAsync(cancellation)).Single().JobId;
            CheckpointStatus kept = await scheduler.CheckpointAsync(job, cancellation);
            Written += kept.Step >= step ? 1 : 0;
        }
    }
}
