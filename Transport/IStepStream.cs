using System.Diagnostics;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>A worker's end of an open stream to a shard. No call waits; what is sent goes out in its order, and the end of the stream answers all of it with "not in".</summary>
public interface IStepStream
{
    void Send(WorkerMessage message);

    /// <summary>Sends a contribution. Its memory stays as it is until the answer, or for good where the stream ends before.</summary>
    /// <param name="push">A number of the worker's; the answer names it.</param>
    void Send(long push, Contribution contribution);

    /// <summary>Nothing more is sent: once the shard has taken what was, the stream ends on both sides.</summary>
    void Complete();
}

/// <summary>A version that a shard offers, its values in place.</summary>
/// <param name="Hints">The exponent that each block of the shard's chunks is expected to fit, in block order.</param>
/// <param name="SyncMs">Milliseconds from the last contribution to the step before until the values were in place; -1: not known.</param>
/// <param name="ReceiveMs">Milliseconds from the head of the turn to its last value; 0: nothing travelled.</param>
/// <param name="Bytes">Of the values that travelled.</param>
/// <param name="Trace">The shard's span that led to this version, where its step is traced.</param>
public sealed record OfferedVersion(Cursor Cursor, bool Finished, short[] Hints, double SyncMs, double ReceiveMs, long Bytes, ActivityContext Trace)
{
    /// <value>Where the values are, if they are not staged; null: they are, or are held.</value>
    public PlacedValues? Placed { get; init; }

    /// <value>Parameters' values came as bfloat16. Otherwise, where the job wants that, they are still to be rounded.</value>
    public bool IsRounded { get; init; }

    /// <value>The formats that the shard knows the job by; null: it is of this process.</value>
    public JobFormats? Format { get; init; }
}

/// <summary>How a job's numbers travel. Who is of an older build knows of none but 32 bits and float32.</summary>
/// <param name="Contribution">Bits, as of <see cref="JobDescriptor.Contribution"/>.</param>
public sealed record JobFormats(int Contribution, Contracts.Jobs.PullFormat Pull);

/// <summary>Values that stay in memory of the shard's.</summary>
/// <param name="Values">The shard may begin to overwrite them at any time.</param>
/// <param name="IsWhole">Whether they were the version's until now; to be asked after they were read.</param>
public sealed record PlacedValues(ReadOnlyMemory<float> Values, Func<bool> IsWhole);

/// <summary>Whoever works on a job, as a stream sees it. One thread at a time for one stream, several for several.</summary>
public interface IStepReceiver
{
    /// <value>Versions whose values of the shard are held: they are not sent.</value>
    IReadOnlyCollection<Cursor> Held(int shard);

    /// <summary>The shard answered: from here on things can be sent.</summary>
    void Opened(int shard, IStepStream stream);

    /// <summary>Room for the values of a version, as many as the shard has elements; null: they are not wanted.</summary>
    Memory<float>? Stage(int shard, Cursor version);

    /// <summary>A turn is whole.</summary>
    void Offered(int shard, OfferedVersion version);

    /// <summary>A grant, a revoke, an answer, the end of the job.</summary>
    void Received(int shard, ShardMessage message);

    /// <summary>The stream ended, after <see cref="Opened"/>.</summary>
    void Ended(int shard);
}
