using Lockstep.Contracts.Faults;
using Lockstep.Core.Checkpoints;
using Lockstep.Core.Protocol;
using Lockstep.ParameterServer.Steps;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>What a shard's jobs share.</summary>
/// <param name="First">ps-0; null where this is it.</param>
/// <param name="Threads">That an update may use.</param>
/// <param name="Gate">Of ps-0; null: nobody keeps jobs from moving on.</param>
/// <param name="Room">Makes memory for the values of a version; null: of this process.</param>
/// <param name="Reach">Is told the phases of a step as they are reached.</param>
internal sealed record ShardContext(int Shard, IShardPeer? First, TimeProvider Time, IShardObserver Observer, ICheckpointFiles Files, int Threads, IStepGate? Gate, Func<int, IVersionRoom>? Room, Action<FaultPhase, long> Reach)
{
    private long _sessions;

    /// <summary>A number for a worker's stream, used once.</summary>
    public long NextSession() => Interlocked.Increment(ref _sessions);
}
