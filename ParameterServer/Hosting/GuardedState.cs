using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>A shard's state of one job in one generation, and whether that goes on. Who reads or changes anything here holds the lock, but for what says otherwise.</summary>
internal sealed class GuardedState(ShardState state)
{
    private readonly CancellationTokenSource _closed = new();
    // Null once the next generation needs the room.
    private ShardState? _state = state;

    public Lock Gate { get; } = new();

    /// <value>Ends with this generation. At any time.</value>
    public CancellationToken Closed => _closed.Token;

    /// <exception cref="SupersededException">The next generation has the room.</exception>
    public ShardState State => _state ?? throw new SupersededException();

    /// <value>Why the job cannot go on; null: it can.</value>
    public Exception? Failure { get; private set; }

    /// <value>Where the job goes on in another generation; null: it does so here.</value>
    public Cursor? Next { get; private set; }

    public bool IsOver => Failure is not null || Next is not null;

    /// <exception cref="SupersededException">The job goes on in another generation.</exception>
    /// <exception cref="ProtocolException">The job cannot go on.</exception>
    public void ThrowIfOver()
    {
        if (Next is not null)
        {
            throw new SupersededException();
        }

        if (Failure is { } failure)
        {
            throw AsSeenByCallers(failure);
        }
    }

    /// <summary>The job cannot go on. At any time.</summary>
    /// <returns>False: it is over already.</returns>
    public bool TryFail(Exception failure)
    {
        lock (Gate)
        {
            if (IsOver)
            {
                return false;
            }

            Failure = failure;
            return true;
        }
    }

    /// <summary>The job goes on in another generation.</summary>
    public void Supersede(Cursor next) => Next = next;

    /// <summary>Gives up what is on its way. At any time.</summary>
    public void Close() => _closed.Cancel();

    /// <inheritdoc cref="Close"/>
    public Task CloseAsync() => _closed.CancelAsync();

    /// <summary>Lets go of the memory, and of the state with it. At any time, once nothing is at work.</summary>
    public void Release()
    {
        ShardState? held;
        lock (Gate)
        {
            held = _state;
            _state = null;
        }

        held?.Dispose();
    }

    /// <summary>Lets go of the memory of a job that is over. At any time, once nothing is at work.</summary>
    public void Dispose() => _state?.Dispose();

    /// <summary>A failure as each caller throws it.</summary>
    public static Exception AsSeenByCallers(Exception failure) =>
        failure is ProtocolException known ? new ProtocolException(known.Error, known.Message) : new InvalidOperationException(failure.Message, failure);
}
