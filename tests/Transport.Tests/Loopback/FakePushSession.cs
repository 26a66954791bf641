using System.Buffers;
using Lockstep.Core.Protocol;

namespace Lockstep.Transport.Tests.Loopback;

/// <summary>Copies what comes in, since the memory is the transport's.</summary>
internal sealed class FakePushSession(Contribution header) : IPushSession
{
    private IStepSink? _sink;

    public Contribution Header { get; } = header;
    public long Number { get; private set; }
    public List<ChunkSum> Chunks { get; } = [];
    public Action<int> OnAdd { get; init; } = _ => { };
    public PushResult Result { get; init; } = new(PushStatus.Accepted, default, [], []);
    public bool IsAnswered { get; init; } = true;
    public bool Completed { get; private set; }
    public TaskCompletionSource Added { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    public TaskCompletionSource Disposed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Begin(long number, IStepSink sink) => (Number, _sink) = (number, sink);

    public void Add(in ChunkSum chunk)
    {
        Chunks.Add(new ChunkSum(chunk.Chunk, chunk.Sums.ToArray(), new(chunk.Escapes.ToArray()), chunk.Exponents.ToArray()));
        Added.TrySetResult();
        OnAdd(Chunks.Count);
    }

    public PushResult Complete()
    {
        Completed = true;
        if (IsAnswered)
        {
            _sink!.Send(new AnswerMessage(Number, Result));
        }

        return Result;
    }

    public void Dispose() => Disposed.TrySetResult();

    public Task AddedAsync() => Added.Task.WaitAsync(TestContext.Current.CancellationToken);

    public Task EndAsync() => Disposed.Task.WaitAsync(TestContext.Current.CancellationToken);
}
