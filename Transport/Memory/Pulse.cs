namespace Lockstep.Transport.Memory;

/// <summary>
/// One end of a connection says every second that it is there, and ends the connection where the other one has not been heard for five: a process that is halted keeps its sockets, and a machine that is cut off too.
/// Only time in which this end waited to hear something counts: who is busy, or was halted itself, knows nothing of the other one.
/// </summary>
internal sealed class Pulse : IDisposable
{
    /// <summary>From one beat to the next.</summary>
    public static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    /// <summary>Beats in a row.</summary>
    private const int MostMissed = 5;

    private readonly LocalSocket _socket;
    private readonly Action _say;
    private readonly ITimer _timer;
    private int _missed;

    /// <param name="say">Says to the other end that this one is there; does not wait.</param>
    public Pulse(LocalSocket socket, Action say, TimeProvider time)
    {
        (_socket, _say) = (socket, say);
        _timer = time.CreateTimer(_ => Tick(), null, Beat, Beat);
    }

    /// <value>Whether it ended the connection.</value>
    public bool HasEnded => Volatile.Read(ref _missed) >= MostMissed;

    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        // One tick at a time: late ones come together.
        lock (_timer)
        {
            if (HasEnded)
            {
                return;
            }

            Volatile.Write(ref _missed, _socket.TakeHeard() ? 0 : _missed + 1);
            if (HasEnded)
            {
                _socket.End();
                return;
            }
        }

        _say();
    }
}
