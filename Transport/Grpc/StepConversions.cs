using Lockstep.Contracts.Jobs;
using Lockstep.Core.Metrics;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Protos;
using Cursor = Lockstep.Core.Protocol.Cursor;

namespace Lockstep.Transport.Grpc;

/// <summary>Between what travels on a worker's stream and the messages of parameter_server.proto.</summary>
internal static class StepConversions
{
    public static WorkerHeader ToWire(this WorkerMessage message) => message switch
    {
        ProgressMessage progress => new WorkerHeader { Progress = new SlotProgress { Cursor = progress.Cursor.ToWire(), Slot = progress.Slot } },
        IdleMessage idle => new WorkerHeader { Idle = new Idle { Cursor = idle.Cursor.ToWire(), Grant = idle.Grant } },
        LeavingMessage => new WorkerHeader { Leaving = new Leaving() },
        EvaluationMessage evaluation => new WorkerHeader
        {
            Evaluated = new EvaluatedSlot
            {
                Cursor = evaluation.Cursor.ToWire(),
                Slot = evaluation.Slot,
                Samples = evaluation.Part.Samples,
                LossSum = evaluation.Part.LossSum,
                Parts = { evaluation.Part.Parts },
                Scores = { evaluation.Part.Scores },
                Labels = { evaluation.Part.Labels },
                SlotMs = evaluation.SlotMs,
            },
        },
        _ => throw new ArgumentOutOfRangeException(nameof(message), message, "There is no such message."),
    };

    /// <returns>Null: it is a hello or a contribution, which a stream takes itself.</returns>
    public static WorkerMessage? FromWire(this WorkerHeader header) => header.SaidCase switch
    {
        WorkerHeader.SaidOneofCase.Progress => new ProgressMessage(header.Progress.Cursor.FromWire(), header.Progress.Slot),
        WorkerHeader.SaidOneofCase.Idle => new IdleMessage(header.Idle.Cursor.FromWire(), header.Idle.Grant),
        WorkerHeader.SaidOneofCase.Leaving => new LeavingMessage(),
        WorkerHeader.SaidOneofCase.Evaluated => new EvaluationMessage(
            header.Evaluated.Cursor.FromWire(),
            header.Evaluated.Slot,
            new EvaluationPart(header.Evaluated.Samples, header.Evaluated.LossSum, [.. header.Evaluated.Parts], [.. header.Evaluated.Scores], [.. header.Evaluated.Labels]),
            header.Evaluated.SlotMs),
        _ => null,
    };

    public static WorkerHeader ToWire(this Contribution contribution, long push)
    {
        var header = new ContributionHeader
        {
            Push = push,
            Cursor = contribution.Cursor.ToWire(),
            Chunks = contribution.Chunks.Count,
            SyncMs = contribution.SyncMs,
            SlotMs = contribution.SlotMs,
            TraceParent = TraceContext.Format(contribution.Trace),
        };
        foreach (Core.Protocol.SlotReport report in contribution.Reports)
        {
            header.Reports.Add(new Protos.SlotReport
            {
                Slot = report.Slot,
                Samples = report.Samples,
                LossSum = report.LossSum,
                NotFinite = report.IsNotFinite,
                ChunkHashes = { report.ChunkHashes },
            });
        }

        return new WorkerHeader { Contribution = header };
    }

    public static Contribution FromWire(this ContributionHeader header, StepHello from) => new()
    {
        JobId = from.JobId,
        WorkerId = from.WorkerId,
        Cursor = header.Cursor.FromWire(),
        SyncMs = header.SyncMs,
        SlotMs = header.SlotMs,
        Reports = [.. header.Reports.Select(r => new Core.Protocol.SlotReport
        {
            Slot = r.Slot,
            Samples = r.Samples,
            LossSum = r.LossSum,
            IsNotFinite = r.NotFinite,
            ChunkHashes = [.. r.ChunkHashes],
        })],
        Chunks = [],
    };

    /// <summary>A message without its values.</summary>
    public static TensorFrame ToFrame(this ShardMessage message, TimeProvider time) => new()
    {
        Header = message.ToWire(time),
        Hints = message is TurnMessage turn ? turn.Version.Hints : default,
    };

    private static ShardHeader ToWire(this ShardMessage message, TimeProvider time)
    {
        switch (message)
        {
            case TurnMessage { Version: var version }:
                var turn = new Turn
                {
                    Cursor = version.Cursor.ToWire(),
                    Finished = version.Finished,
                    HasValues = version.Values is not null,
                    Elements = version.Values?.Length ?? 0,
                    AgeMs = version.Gathered is { } gathered ? time.GetElapsedTime(gathered).TotalMilliseconds : -1,
                    TraceParent = TraceContext.Format(version.Trace),
                    Contribution = version.Contribution,
                    Rounds = version.Pull == PullFormat.BFloat16,
                };
                return new ShardHeader { Turn = turn };
            case GrantMessage grant:
                return new ShardHeader { Grant = new Grant { Cursor = grant.Cursor.ToWire(), Slots = { grant.Slots }, Number = grant.Number } };
            case RevokeMessage revoke:
                return new ShardHeader { Revoke = new Revoke { Cursor = revoke.Cursor.ToWire(), Slots = { revoke.Slots } } };
            case AnswerMessage { Result: var result } answer:
                return new ShardHeader
                {
                    Answer = new Answer
                    {
                        Push = answer.Push,
                        Status = (int)result.Status,
                        ShardCursor = result.ShardCursor.ToWire(),
                        Missing = { result.Missing },
                        Mismatched = { result.Mismatched },
                    },
                };
            case OverMessage:
                return new ShardHeader { Over = new Over() };
            default:
                throw new ArgumentOutOfRangeException(nameof(message), message, "There is no such message.");
        }
    }

    public static JobFormats FormatFromWire(this Turn turn) => new(turn.Contribution == 0 ? 32 : turn.Contribution, turn.Rounds ? PullFormat.BFloat16 : PullFormat.Float32);

    /// <summary>All but turns, whose values go another way.</summary>
    public static ShardMessage FromWire(this ShardHeader header) => header.SaidCase switch
    {
        ShardHeader.SaidOneofCase.Grant => new GrantMessage(header.Grant.Cursor.FromWire(), [.. header.Grant.Slots], header.Grant.Number),
        ShardHeader.SaidOneofCase.Revoke => new RevokeMessage(header.Revoke.Cursor.FromWire(), [.. header.Revoke.Slots]),
        ShardHeader.SaidOneofCase.Answer => new AnswerMessage(header.Answer.Push, new PushResult((PushStatus)header.Answer.Status, header.Answer.ShardCursor.FromWire(), [.. header.Answer.Missing], [.. header.Answer.Mismatched])),
        ShardHeader.SaidOneofCase.Over => new OverMessage(),
        _ => throw WireConversions.Invalid("it says nothing that is known here"),
    };
}
