using Lockstep.Contracts.Faults;
using Lockstep.Core.Sampling;

namespace Lockstep.Worker.Faults;

/// <summary>What befalls the messages between this worker and one shard.</summary>
/// <remarks>A stream loses no message and changes no order: a message that is lost breaks it, and only messages of different streams overtake each other.</remarks>
internal sealed class MessageFaults(int shard, WorkerFaults faults, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan LongestHold = TimeSpan.FromMilliseconds(250);

    private ulong _draws;

    /// <summary>Waits as long as nothing passes.</summary>
    public async Task WaitWhileCutAsync(CancellationToken cancellation)
    {
        while (IsCut(PartitionSide.To) || IsCut(PartitionSide.From))
        {
            await Task.Delay(Pause, time, cancellation);
        }
    }

    /// <summary>After a break, before the next try.</summary>
    public Task PauseAsync(CancellationToken cancellation) => Task.Delay(Pause, time, cancellation);

    /// <summary>Lets a message meet its faults.</summary>
    /// <param name="side">To the shard, or from it.</param>
    /// <returns>Whether it arrives; no: the stream breaks. And whether it is sent twice.</returns>
    public async Task<(bool Arrives, bool Twice)> MeetAsync(PartitionSide side, CancellationToken cancellation)
    {
        bool twice = false;
        foreach ((int number, Fault fault) in faults.OfMessages(shard).Where(f => Draw(f.Fault) < f.Fault.Share))
        {
            switch (fault.Kind)
            {
                case FaultKind.Drop:
                    faults.Befell(number);
                    return (false, false);
                case FaultKind.Duplicate:
                    faults.Befell(number);
                    twice = true;
                    break;
                case FaultKind.Delay:
                    faults.Befell(number);
                    await Task.Delay(LongestDelay * Draw(fault), time, cancellation);
                    break;
                case FaultKind.Reorder when side == PartitionSide.To:
                    Task overtaken = faults.NextSent;
                    if (await Task.WhenAny(overtaken, Task.Delay(LongestHold, time, cancellation)) == overtaken)
                    {
                        faults.Befell(number);
                    }

                    break;
            }
        }

        if (side == PartitionSide.To)
        {
            faults.Sent();
        }

        return (!IsCut(side), twice);
    }

    private bool IsCut(PartitionSide side)
    {
        if (!faults.IsPartitioned(shard, side))
        {
            return false;
        }

        foreach ((int number, _) in faults.OfMessages(shard).Where(f => WorkerFaults.IsCut(f.Fault, side)))
        {
            faults.Befell(number);
        }

        return true;
    }

    /// <summary>In [0, 1).</summary>
    private double Draw(Fault fault) => (CounterRandom.Key(fault.Seed, (ulong)shard, Interlocked.Increment(ref _draws)) >> 11) * (1.0 / (1L << 53));
}
