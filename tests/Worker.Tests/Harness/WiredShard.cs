using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Tests.Local;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>A worker's way to a shard of the same process, message by message and chunk by chunk.</summary>
internal sealed class WiredShard(IShardHost host, int shard, string worker, IWire wire) : IShardWork
{
    private readonly LocalShardClient _client = new(host, shard);

    public int Shard => shard;

    public string Path => _client.Path;

    public Task<bool> OpenAsync(JobDescriptor descriptor, CancellationToken cancellation) =>
        CallAsync(MessageKind.Open, () => _client.OpenAsync(descriptor, cancellation), cancellation);

    public Task InitializeAsync(string jobId, ReadOnlyMemory<float> values, CancellationToken cancellation) =>
        CallAsync(MessageKind.Initialize, () => Done(_client.InitializeAsync(jobId, values, cancellation)), cancellation);

    public async Task WorkAsync(string jobId, string workerId, IStepReceiver receiver, CancellationToken cancellation)
    {
        try
        {
            await wire.BeforeAsync(new Message(MessageKind.Connect, worker, shard, default, []), cancellation);
            await new Stream(host, shard, receiver, worker, wire).RunAsync(jobId, workerId, cancellation);
        }
        catch (BrokenException)
        {
            // The worker opens another.
        }
    }

    public Task<ShardStatus> StatusAsync(string jobId, CancellationToken cancellation) => _client.StatusAsync(jobId, cancellation);

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private async Task<T> CallAsync<T>(MessageKind kind, Func<Task<T>> call, CancellationToken cancellation)
    {
        var message = new Message(kind, worker, shard, default, []);
        await wire.BeforeAsync(message, cancellation);
        cancellation.ThrowIfCancellationRequested();
        T result = await call();
        await wire.AfterAsync(message, cancellation);
        return result;
    }

    private static async Task<bool> Done(Task task)
    {
        await task;
        return true;
    }

    private sealed class Stream(IShardHost host, int shard, IStepReceiver receiver, string worker, IWire wire) : LocalStepStream(host, shard, receiver)
    {
        protected override Task DeliverUpAsync(object message, int? chunk, Action deliver, CancellationToken cancellation) => DeliverAsync(Describe(message, chunk), deliver, cancellation);

        protected override Task DeliverDownAsync(ShardMessage message, Action deliver, CancellationToken cancellation) => DeliverAsync(Describe(message), deliver, cancellation);

        private async Task DeliverAsync(Message message, Action deliver, CancellationToken cancellation)
        {
            await wire.BeforeAsync(message, cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (wire.Breaks(message))
            {
                throw new BrokenException();
            }

            deliver();
            await wire.AfterAsync(message, cancellation);
        }

        private Message Describe(object message, int? chunk) => message switch
        {
            ProgressMessage progress => Of(MessageKind.Progress, progress.Cursor, [progress.Slot]),
            EvaluationMessage evaluation => Of(MessageKind.Evaluation, evaluation.Cursor, [evaluation.Slot]),
            IdleMessage idle => Of(MessageKind.Idle, idle.Cursor, []),
            LeavingMessage => Of(MessageKind.Leaving, default, []),
            Contribution contribution => Of(chunk is null ? MessageKind.Contribution : MessageKind.Chunk, contribution.Cursor, [.. contribution.Reports.Select(r => r.Slot)]) with { Index = chunk ?? 0 },
            _ => throw new ArgumentOutOfRangeException(nameof(message), message, "There is no such message."),
        };

        private Message Describe(ShardMessage message) => message switch
        {
            TurnMessage turn => Of(MessageKind.Turn, turn.Version.Cursor, []),
            GrantMessage grant => Of(MessageKind.Grant, grant.Cursor, grant.Slots),
            RevokeMessage revoke => Of(MessageKind.Revoke, revoke.Cursor, revoke.Slots),
            AnswerMessage answer => Of(MessageKind.Answer, answer.Result.ShardCursor, []),
            _ => Of(MessageKind.Over, default, []),
        };

        private Message Of(MessageKind kind, Cursor cursor, IReadOnlyList<int> slots) => new(kind, worker, Shard, cursor, slots);
    }
}
