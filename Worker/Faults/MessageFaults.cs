using Lockstep.Contracts.Faults;
using Lockstep.Core.Sampling;

namespace Lockstep.Worker.Faults;

/// <summary>What befalls the calls from this worker to one shard.</summary>
/// <remarks>A call stands for a message each way. One that is lost is made again after a pause, as the connection does when it breaks; the protocol must make that safe.</remarks>
internal sealed class MessageFaults(int shard, WorkerFaults faults, TimeProvider time)
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan LongestHold = TimeSpan.FromMilliseconds(250);

    private ulong _draws;

    public async Task<T> CallAsync<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        while (true)
        {
            (int Number, Fault Fault)[] met = [.. faults.OfMessages(shard).Where(f => Draw(f.Fault) < f.Fault.Share)];
            if (await HoldAsync(met, cancellation) || await IsLostAsync(met, isRequest: true, cancellation))
            {
                continue;
            }

            faults.Sent();
            T answer = await SendAsync(call, met);
            if (await IsLostAsync(met, isRequest: false, cancellation) || await IsCutAsync(PartitionSide.From, cancellation))
            {
                continue;
            }

            return answer;
        }
    }

    private async Task<T> SendAsync<T>(Func<Task<T>> call, (int Number, Fault Fault)[] met)
    {
        foreach ((int number, _) in met.Where(m => m.Fault.Kind == FaultKind.Duplicate))
        {
            faults.Befell(number);
            T[] answers = await Task.WhenAll(call(), call());
            return answers[1];
        }

        return await call();
    }

    /// <returns>Whether the request got lost on a connection that was cut.</returns>
    private async Task<bool> HoldAsync((int Number, Fault Fault)[] met, CancellationToken cancellation)
    {
        foreach ((int number, Fault fault) in met)
        {
            if (fault.Kind == FaultKind.Delay)
            {
                faults.Befell(number);
                await Task.Delay(LongestDelay * Draw(fault), time, cancellation);
            }
            else if (fault.Kind == FaultKind.Reorder)
            {
                Task overtaken = faults.NextSent;
                if (await Task.WhenAny(overtaken, Task.Delay(LongestHold, time, cancellation)) == overtaken)
                {
                    faults.Befell(number);
                }
            }
        }

        return await IsCutAsync(PartitionSide.To, cancellation);
    }

    private async Task<bool> IsLostAsync((int Number, Fault Fault)[] met, bool isRequest, CancellationToken cancellation)
    {
        foreach ((int number, Fault fault) in met.Where(m => m.Fault.Kind == FaultKind.Drop))
        {
            // One half loses its request, the other its answer.
            if (Draw(fault) < 0.5 == isRequest)
            {
                faults.Befell(number);
                await Task.Delay(RetryPause, time, cancellation);
                return true;
            }
        }

        return false;
    }

    /// <summary>Stays until the partition is over.</summary>
    private async Task<bool> IsCutAsync(PartitionSide side, CancellationToken cancellation)
    {
        bool wasCut = false;
        while (faults.IsPartitioned(shard, side))
        {
            foreach ((int number, _) in faults.OfMessages(shard).Where(f => WorkerFaults.IsCut(f.Fault, side)))
            {
                faults.Befell(number);
            }

            wasCut = true;
            await Task.Delay(RetryPause, time, cancellation);
        }

        return wasCut;
    }

    /// <summary>In [0, 1).</summary>
    private double Draw(Fault fault) => (CounterRandom.Key(fault.Seed, (ulong)shard, Interlocked.Increment(ref _draws)) >> 11) * (1.0 / (1L << 53));
}
