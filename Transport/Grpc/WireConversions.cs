using System.Buffers.Binary;
using System.Text.Json;
using Google.Protobuf;
using Lockstep.Core.Layout;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Protos;
using Cursor = Lockstep.Core.Protocol.Cursor;

namespace Lockstep.Transport.Grpc;

/// <summary>Between the protocol's types and the messages of parameter_server.proto.</summary>
internal static class WireConversions
{
    /// <summary>Values in one message: as many as a chunk has.</summary>
    public const int PieceElements = ModelLayout.ChunkElements;

    public static Protos.Cursor ToWire(this Cursor cursor) => new() { Generation = cursor.Generation, Step = cursor.Step, Attempt = cursor.Attempt };

    /// <exception cref="ProtocolException">There is none, or it is of no step and no evaluation.</exception>
    public static Cursor FromWire(this Protos.Cursor? cursor) => cursor switch
    {
        null => throw Invalid("it has no cursor"),
        { Attempt: not (0 or Cursor.Evaluation) } => throw Invalid($"its cursor has the attempt {cursor.Attempt}"),
        _ => new(cursor.Generation, cursor.Step, cursor.Attempt),
    };

    /// <exception cref="ProtocolException">The bytes are no descriptor.</exception>
    public static JobDescriptor Descriptor(ByteString json)
    {
        try
        {
            return JobDescriptor.FromJson(json.Span);
        }
        catch (JsonException exception)
        {
            throw new ProtocolException(ProtocolError.Invalid, $"The job's descriptor cannot be read: {exception.Message}");
        }
    }

    /// <summary>The header that a stream begins with.</summary>
    /// <exception cref="ProtocolException">It is missing, or its bytes are no such message.</exception>
    public static T Header<T>(TensorFrame frame, MessageParser<T> parser) where T : IMessage<T>
    {
        if (frame.HeaderBytes.IsEmpty)
        {
            throw Invalid("its first part has no header");
        }

        try
        {
            return parser.ParseFrom(frame.HeaderBytes.Span);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw Invalid($"its header cannot be read: {exception.Message}");
        }
    }

    public static AnnounceRequest ToWire(this ShardAnnouncement announcement, string jobId)
    {
        var hashes = new byte[announcement.BlockHashes.Length * 16];
        for (int i = 0; i < announcement.BlockHashes.Length; i++)
        {
            BinaryPrimitives.WriteUInt128LittleEndian(hashes.AsSpan(i * 16), announcement.BlockHashes[i]);
        }

        return new AnnounceRequest
        {
            JobId = jobId,
            Cursor = announcement.Cursor.ToWire(),
            Shard = announcement.Shard,
            BlockHashes = UnsafeByteOperations.UnsafeWrap(hashes),
            GatherMs = announcement.GatherMs,
            UpdateMs = announcement.UpdateMs,
            Mismatched = announcement.Mismatched,
            CheckpointBlockedMs = announcement.CheckpointBlockedMs,
            EscapedBlocks = announcement.EscapedBlocks,
        };
    }

    public static ShardAnnouncement FromWire(this AnnounceRequest request)
    {
        if (request.BlockHashes.Length % 16 != 0)
        {
            throw Invalid($"{request.BlockHashes.Length} bytes are no whole number of block hashes");
        }

        var hashes = new UInt128[request.BlockHashes.Length / 16];
        for (int i = 0; i < hashes.Length; i++)
        {
            hashes[i] = BinaryPrimitives.ReadUInt128LittleEndian(request.BlockHashes.Span[(i * 16)..]);
        }

        return new ShardAnnouncement(request.Cursor.FromWire(), request.Shard, hashes, request.GatherMs, request.UpdateMs, request.Mismatched) { CheckpointBlockedMs = request.CheckpointBlockedMs, EscapedBlocks = request.EscapedBlocks };
    }

    public static CheckpointPartRequest ToWire(this CheckpointNotice notice, string jobId) => new()
    {
        JobId = jobId,
        Generation = notice.Generation,
        Version = notice.Version,
        Shard = notice.Shard,
        Sha256 = notice.Sha256 ?? "",
        Failure = notice.Failure ?? "",
        WriteMs = notice.WriteMs,
    };

    public static CheckpointNotice FromWire(this CheckpointPartRequest request) => new(
        request.Generation, request.Version, request.Shard, NullIfEmpty(request.Sha256), NullIfEmpty(request.Failure), request.WriteMs);

    public static StatusReply ToWire(this ShardStatus status)
    {
        var reply = new StatusReply { Incarnation = status.Incarnation, Hosted = status.Hosted };
        if (status.Hosted)
        {
            reply.Cursor = status.Cursor.ToWire();
            reply.NeedsValues = status.NeedsValues;
            reply.Term = status.Term;
            reply.Error = status.Error is { } error ? (int)error : 0;
            if (status.DurableVersion is { } version)
            {
                reply.DurableVersion = version;
            }

            if (status.FinalCheckpointFailure is { } final)
            {
                reply.FinalCheckpointFailure = final;
            }

            if (status.Failure is { } failure)
            {
                reply.Failure = failure;
            }
        }

        return reply;
    }

    public static ShardStatus FromWire(this StatusReply reply) => !reply.Hosted ? new ShardStatus { Incarnation = reply.Incarnation } : new ShardStatus
    {
        Incarnation = reply.Incarnation,
        Hosted = true,
        Cursor = reply.Cursor.FromWire(),
        NeedsValues = reply.NeedsValues,
        Term = reply.Term,
        DurableVersion = reply.HasDurableVersion ? reply.DurableVersion : null,
        FinalCheckpointFailure = reply.HasFinalCheckpointFailure ? reply.FinalCheckpointFailure : null,
        Failure = reply.HasFailure ? reply.Failure : null,
        Error = reply.Error == 0 ? null : (ProtocolError)reply.Error,
    };

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    public static ProtocolException Invalid(string what) => new(ProtocolError.Invalid, $"A message cannot be taken: {what}. Server and client must be of the same build.");
}
