using System.Threading.Channels;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A worker whose stream's events a test reads one by one.</summary>
internal sealed class TestWorker : IStepReceiver, IAsyncDisposable
{
    public const string Id = "worker ä";

    private readonly CancellationTokenSource _leave = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly Channel<object> _events = Channel.CreateUnbounded<object>();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <value>Versions that it holds.</value>
    public IReadOnlyCollection<Cursor> Versions { get; init; } = [];

    /// <value>Room for values; null: they are not wanted.</value>
    public float[]? Room { get; init; }

    /// <value>Called before the room is given.</value>
    public Action<Cursor> OnStage { get; init; } = _ => { };

    public Action<IStepStream> OnOpened { get; init; } = _ => { };

    /// <value>The call of <see cref="Start"/>.</value>
    public Task Working { get; private set; } = Task.CompletedTask;

    /// <summary>Opens a stream.</summary>
    public TestWorker Start(GrpcShardClient client)
    {
        // Beside the test's own threads, which are few: a worker may be made to wait.
        Working = Task.Run(() => client.WorkAsync("job", Id, this, _leave.Token));
        return this;
    }

    /// <summary>Opens a stream, and waits until it stands.</summary>
    public async Task<IStepStream> OpenAsync(GrpcShardClient client)
    {
        if (await Task.WhenAny(Start(client)._opened.Task, Working) == Working && !_opened.Task.IsCompleted)
        {
            await Working;
            Assert.Fail("The stream broke before it stood.");
        }

        return (await NextAsync<OpenedEvent>()).Stream;
    }

    public Task CancelAsync() => _leave.CancelAsync();

    public async Task<T> NextAsync<T>()
    {
        object next = await _events.Reader.ReadAsync(TestContext.Current.CancellationToken);
        return Assert.IsAssignableFrom<T>(next);
    }

    public IReadOnlyCollection<Cursor> Held(int shard) => Versions;

    public void Opened(int shard, IStepStream stream)
    {
        Note(new OpenedEvent(stream));
        _opened.TrySetResult();
        OnOpened(stream);
    }

    public Memory<float>? Stage(int shard, Cursor version)
    {
        OnStage(version);
        return Room is { } room ? room : default(Memory<float>?);
    }

    public void Offered(int shard, OfferedVersion version) => Note(version);

    public void Received(int shard, ShardMessage message) => Note(message);

    public void Ended(int shard) => Note(new EndedEvent());

    public async ValueTask DisposeAsync()
    {
        await _leave.CancelAsync();
        await Working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _leave.Dispose();
    }

    private void Note(object happened) => Assert.True(_events.Writer.TryWrite(happened));

    public sealed record OpenedEvent(IStepStream Stream);

    public sealed record EndedEvent;
}
