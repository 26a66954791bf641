using System.Diagnostics;
using Lockstep.Core.Protocol;
using Lockstep.Core.Tracing;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>Takes workers' contributions into a shard's state. Their numbers are looked through, and added, beside whatever else the job does. Safe for many callers.</summary>
/// <param name="fail">The job cannot go on.</param>
internal sealed class ContributionDesk(GuardedState guarded, TimeProvider time, Action<Exception> fail)
{
    // Of the step in hand; when the first chunk was in, and, where the step is traced, the spans of the first and last push that was added.
    private long? _firstIn;
    private ActivityContext _firstPush;
    private ActivityContext _lastPush;

    /// <summary>Begins to take a contribution.</summary>
    /// <param name="worker">Whose time of a slot is taken note of; null: nobody's.</param>
    public PushTicket Begin(Contribution header, string? worker)
    {
        lock (guarded.Gate)
        {
            guarded.ThrowIfOver();
            StepIntake intake = guarded.State.Intake;
            PushTicket ticket = intake.BeginPush(header);
            if (worker is not null && header.SlotMs > 0 && double.IsFinite(header.SlotMs))
            {
                intake.Counters.SlotMs[worker] = header.SlotMs;
            }

            return ticket;
        }
    }

    /// <summary>Adds one chunk, or leaves it where its slots are in already.</summary>
    public void Add(PushTicket ticket, in ChunkSum chunk)
    {
        StepIntake intake;
        lock (guarded.Gate)
        {
            if (guarded.Next is not null)
            {
                return;
            }

            guarded.ThrowIfOver();
            intake = guarded.State.Intake;
            if (!intake.Admits(ticket, chunk))
            {
                return;
            }
        }

        string? fault = intake.Check(ticket, chunk);
        lock (guarded.Gate)
        {
            if (guarded.Next is not null)
            {
                return;
            }

            guarded.ThrowIfOver();
            if (!intake.Claim(ticket, chunk, fault))
            {
                return;
            }
        }

        try
        {
            intake.Accumulate(ticket, chunk);
        }
        catch (ProtocolException exception)
        {
            // A chunk that is in by half cannot be taken back; the job is over.
            fail(exception);
            throw;
        }

        lock (guarded.Gate)
        {
            intake.Done(ticket);
            _lastPush = ShardSpans.Current();
            if (_firstIn is null)
            {
                _firstIn = time.GetTimestamp();
                _firstPush = _lastPush;
            }
        }
    }

    /// <summary>Answers a contribution all of whose chunks came.</summary>
    public PushResult End(PushTicket ticket)
    {
        lock (guarded.Gate)
        {
            if (guarded.Next is { } next)
            {
                return new PushResult(PushStatus.Stale, next, [], []);
            }

            guarded.ThrowIfOver();
            return guarded.State.Intake.EndPush(ticket);
        }
    }

    /// <summary>All slots of the step are in: tells when and by what, and begins the next.</summary>
    /// <returns>The timestamp of the first chunk, null: none came; the spans of the first and last push.</returns>
    public (long? FirstIn, ActivityContext FirstPush, ActivityContext LastPush) TakeArrivals()
    {
        lock (guarded.Gate)
        {
            var arrivals = (_firstIn, _firstPush, _lastPush);
            (_firstIn, _firstPush, _lastPush) = (null, default, default);
            return arrivals;
        }
    }
}
