using System.Threading.Channels;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>A worker's stream at a <see cref="FakeShardHost"/>: notes what came.</summary>
internal sealed class FakeStepSession(FakeShardHost host, StepHello hello, IStepSink sink) : IStepSession
{
    private readonly Channel<WorkerMessage> _received = Channel.CreateUnbounded<WorkerMessage>();
    private readonly Channel<FakePushSession> _pushes = Channel.CreateUnbounded<FakePushSession>();

    public StepHello Hello { get; } = hello;

    public IStepSink Sink { get; } = sink;

    /// <value>Done once the stream ended.</value>
    public TaskCompletionSource Disposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Receive(WorkerMessage message)
    {
        host.OnReceive(message);
        Assert.True(_received.Writer.TryWrite(message));
    }

    public IPushSession BeginPush(long push, Contribution header)
    {
        FakePushSession session = host.OnPush(header);
        session.Begin(push, Sink);
        Assert.True(_pushes.Writer.TryWrite(session));
        return session;
    }

    public void Dispose() => Disposed.TrySetResult();

    public async Task<T> NextAsync<T>() where T : WorkerMessage => Assert.IsAssignableFrom<T>(await _received.Reader.ReadAsync(TestContext.Current.CancellationToken));

    public async Task<FakePushSession> NextPushAsync() => await _pushes.Reader.ReadAsync(TestContext.Current.CancellationToken);

    /// <value>The first contribution that began to come; null: none did.</value>
    public FakePushSession? FirstPush => _pushes.Reader.TryRead(out FakePushSession? push) ? push : null;

    public Task EndAsync() => Disposed.Task.WaitAsync(TestContext.Current.CancellationToken);
}
