using Lockstep.Core.Codec;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Hosting;

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
    private readonly long _allowance;
    private long _escapes;
    private bool _ended;

    /// <exception cref="ProtocolException">There is not so much left.</exception>
    public JobMemory(JobDescriptor descriptor, int shard, MemoryBudget budget)
    {
        (_descriptor, _shard, _budget) = (descriptor, shard, budget);
        long bytes = ShardState.BytesNeeded(descriptor, shard, out _allowance);
        if (!budget.TryTake(bytes))
        {
            throw new ProtocolException(ProtocolError.TooLarge, $"Job {descriptor.JobId} needs {MemoryBudget.Mebibytes(bytes)} on shard {shard}, which has {MemoryBudget.Mebibytes(budget.Left)} left of {MemoryBudget.Mebibytes(budget.Limit)}. Use more shards, or give the parameter servers more memory.");
        }

        Bytes = bytes;
    }

    /// <value>What the job needs in any case: among it room for as many escapes as step 0 has at least.</value>
    public long Bytes { get; }

    public void Take(long bytes)
    {
        lock (_gate)
        {
            if (!_ended && !_budget.TryTake(Beyond(_escapes + bytes) - Beyond(_escapes)))
            {
                throw new ProtocolException(ProtocolError.TooLarge, $"Job {_descriptor.JobId}: gradients that exceed the ranges of their blocks take {MemoryBudget.Mebibytes(_escapes)} of the job's {MemoryBudget.Mebibytes(Bytes + Beyond(_escapes))}, and shard {_shard} has no more left of {MemoryBudget.Mebibytes(_budget.Limit)}. Use more shards, or give the parameter servers more memory.");
            }

            _escapes += bytes;
        }
    }

    public void Give(long bytes)
    {
        lock (_gate)
        {
            if (!_ended)
            {
                _budget.Give(Beyond(_escapes) - Beyond(_escapes - bytes));
            }

            _escapes -= bytes;
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
                _budget.Give(Bytes + Beyond(_escapes));
            }
        }
    }

    private long Beyond(long escapes) => Math.Max(0, escapes - _allowance);
}
