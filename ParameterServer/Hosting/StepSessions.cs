using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>The open streams of workers to a shard of one job, one a worker. Safe for many callers; calls nobody but the sinks, which do not wait.</summary>
internal sealed class StepSessions
{
    private readonly Lock _gate = new();
    // Bounded by the workers that there are: a worker's new stream takes the place of its older one.
    private readonly Dictionary<string, StepSession> _byWorker = new(StringComparer.Ordinal);
    private Exception? _ended;
    private bool _isEnded;

    /// <summary>Takes a stream in, and sends what it begins with before anything else.</summary>
    /// <returns>The worker's older stream, which is over; null: it has none.</returns>
    public StepSession? Add(StepSession session, params ReadOnlySpan<ShardMessage> first)
    {
        lock (_gate)
        {
            foreach (ShardMessage message in first)
            {
                session.Sink.Send(message);
            }

            if (_isEnded)
            {
                session.Sink.End(_ended);
                return null;
            }

            _byWorker.Remove(session.WorkerId, out StepSession? older);
            _byWorker.Add(session.WorkerId, session);
            return older;
        }
    }

    /// <summary>A stream ended.</summary>
    public void Remove(StepSession session)
    {
        lock (_gate)
        {
            if (_byWorker.TryGetValue(session.WorkerId, out StepSession? known) && known == session)
            {
                _byWorker.Remove(session.WorkerId);
            }
        }
    }

    /// <summary>Sends one message to each.</summary>
    public void Send(Func<StepSession, ShardMessage> message)
    {
        lock (_gate)
        {
            foreach (StepSession session in _byWorker.Values)
            {
                session.Sink.Send(message(session));
            }
        }
    }

    /// <summary>Ends all streams, and those that still come.</summary>
    public void End(Exception? reason)
    {
        lock (_gate)
        {
            if (_isEnded)
            {
                return;
            }

            _isEnded = true;
            _ended = reason;
            foreach (StepSession session in _byWorker.Values)
            {
                session.Sink.End(reason);
            }

            _byWorker.Clear();
        }
    }
}
