using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>Keeps jobs at the versions that the folder of faults names. A process that is asked to end keeps none: the step in hand is finished first, for its checkpoint.</summary>
internal sealed class HeldSteps(FaultFolder folder, TimeProvider time, CancellationToken ends) : IStepGate
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <returns>Null: nobody asks for faults, or this is not ps-0.</returns>
    public static IStepGate? From(IConfiguration configuration, int shard, TimeProvider time, IHostApplicationLifetime lifetime) =>
        shard == 0 && configuration[EnvironmentNames.Faults] is { Length: > 0 } path ? new HeldSteps(new FaultFolder(path), time, lifetime.ApplicationStopping) : null;

    public async Task PassAsync(long version, CancellationToken cancellation)
    {
        while (!ends.IsCancellationRequested && folder.IsHeld(version))
        {
            await Task.Delay(Pause, time, cancellation);
        }
    }
}
