using Lockstep.Core.Codec;

namespace Lockstep.Core.Protocol;

/// <summary>The memory of a parameter server, which its jobs share.</summary>
/// <param name="limit">Bytes.</param>
internal sealed class MemoryBudget(long limit)
{
    private long _taken;

    public long Limit => limit;

    public long Left => limit - Interlocked.Read(ref _taken);

    /// <returns>False: there are not so many bytes left.</returns>
    public bool TryTake(long bytes)
    {
        while (true)
        {
            long taken = Interlocked.Read(ref _taken);
            if (bytes > limit - taken)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _taken, taken + bytes, taken) == taken)
            {
                return true;
            }
        }
    }

    public void Give(long bytes) => Interlocked.Add(ref _taken, -bytes);

    public static string Mebibytes(long bytes) => $"{bytes / 1048576.0:F1} MiB";
}

/// <summary>What one job takes of it: what it needs in any case, and what its escapes need.</summary>
internal sealed class JobMemory : IEscapeBudget
{
    private readonly Lock _gate = new();
    private readonly JobDescriptor _descriptor;
    private readonly int _shard;
    private readonly MemoryBudget _budget;
    private long _taken;
    private bool _ended;

    /// <exception cref="ProtocolException">There is not so much left.</exception>
    public JobMemory(JobDescriptor descriptor, int shard, MemoryBudget budget)
    {
        (_descriptor, _shard, _budget) = (descriptor, shard, budget);
        long bytes = ShardJob.BytesNeeded(descriptor, shard);
        if (!budget.TryTake(bytes))
        {
            throw new ProtocolException(ProtocolError.TooLarge, $"Job {descriptor.JobId} needs {MemoryBudget.Mebibytes(bytes)} on shard {shard}, which has {MemoryBudget.Mebibytes(budget.Left)} left of {MemoryBudget.Mebibytes(budget.Limit)}. Use more shards, or give the parameter servers more memory.");
        }

        Bytes = _taken = bytes;
    }

    /// <value>What the job needs without escapes.</value>
    public long Bytes { get; }

    public void Take(long bytes)
    {
        lock (_gate)
        {
            if (!_ended && !_budget.TryTake(bytes))
            {
                throw new ProtocolException(ProtocolError.TooLarge, $"Job {_descriptor.JobId}: gradients that exceed the ranges of their blocks take {MemoryBudget.Mebibytes(_taken - Bytes)} beside the job's {MemoryBudget.Mebibytes(Bytes)}, and shard {_shard} has no more left of {MemoryBudget.Mebibytes(_budget.Limit)}. Use more shards, or give the parameter servers more memory.");
            }

            _taken += bytes;
        }
    }

    public void Give(long bytes)
    {
        lock (_gate)
        {
            _taken -= bytes;
            if (!_ended)
            {
                _budget.Give(bytes);
            }
        }
    }

    /// <summary>Gives all of it back: the job is no longer hosted.</summary>
    public void End()
    {
        lock (_gate)
        {
            if (!_ended)
            {
                _ended = true;
                _budget.Give(_taken);
            }
        }
    }
}
