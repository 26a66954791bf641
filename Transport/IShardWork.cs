using Lockstep.Core.Protocol;

namespace Lockstep.Transport;

/// <summary>What a worker needs of a shard: the way of the data.</summary>
public interface IShardWork : IShardConnection
{
    /// <value>What carries the bytes, for telemetry: grpc, memory.</value>
    string Path { get; }

    /// <summary>Makes the job known to the shard; the same again is a no-op, another descriptor under the same id is refused.</summary>
    /// <returns>Whether the shard waits for initial values.</returns>
    Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation);

    /// <summary>Gives the values of version 0: the elements of the shard's chunks in chunk order. Equal bits are accepted again, others refused.</summary>
    Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation);

    /// <summary>Opens a worker's stream and serves it to its end, however that comes: returns once it broke, after a pause where the shard is out of reach. To be called again.</summary>
    /// <exception cref="ProtocolException">The shard ended it, and says why.</exception>
    /// <exception cref="OperationCanceledException">It was called off.</exception>
    Task WorkAsync(string jobId, string workerId, IStepReceiver receiver, CancellationToken cancellation);
}
