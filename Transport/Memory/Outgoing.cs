using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Memory;

/// <summary>What a message on the socket is: its first byte says so, after its length.</summary>
internal enum MessageKind : byte
{
    /// <summary>The first one of a connection: the bytes that the shard gave the worker over gRPC.</summary>
    Token = 1,
    /// <summary>A frame, as gRPC carries it.</summary>
    Frame = 2,
    /// <summary>A region of memory, whose file comes along: number and bytes.</summary>
    Region = 3,
    /// <summary>A region that nothing will be placed in any more: number.</summary>
    Dropped = 4,
    /// <summary>The last one: the shard ends the stream, and says why: number of the protocol's error, or 0, and text.</summary>
    Refused = 5,
    /// <summary>Whoever sent it is there.</summary>
    Alive = 6,
}

/// <summary>One message on its way out: exactly one of these is set.</summary>
/// <param name="IsEnd">No message: once all before it is sent, the connection ends.</param>
internal readonly record struct Outgoing(TensorFrame? Frame = null, SharedRegion? Region = null, int Dropped = 0, Exception? Refusal = null, byte[]? Token = null, bool IsEnd = false);
