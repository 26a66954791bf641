using Lockstep.Client;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;

namespace Lockstep.Engine.Scheduling;

/// <summary>Brings a fleet's number of workers to what its scheduler desires, for as long as it runs.</summary>
/// <param name="minimum">So many are kept, whatever is desired.</param>
/// <param name="maximum">More are not started, whatever is desired.</param>
public sealed class FleetScaler(LocalFleet fleet, SchedulerClient scheduler, int minimum, int maximum, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                DesiredWorkers desired = await scheduler.DesiredAsync(cancellation);
                int workers = Math.Clamp(desired.Desired, minimum, maximum);
                if (workers != fleet.Workers)
                {
                    // One that takes long to be ready keeps no other from starting.
                    fleet.BeginScale(workers, desired.Reason, desired.Idle);
                }
            }
            catch (HttpRequestException)
            {
                // The scheduler is starting again, or has no time; the workers there are go on.
            }
        }
        while (await timer.WaitForNextTickAsync(cancellation));
    }
}
