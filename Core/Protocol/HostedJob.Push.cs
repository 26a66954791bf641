using System.Diagnostics;
using Lockstep.Core.Tracing;

namespace Lockstep.Core.Protocol;

internal sealed partial class HostedJob
{
    /// <summary>A contribution on its way into the job.</summary>
    private sealed class Session(HostedJob owner, PushTicket ticket) : IPushSession
    {
        private bool _answered;

        public void Add(in ChunkSum chunk)
        {
            ShardJob job;
            lock (owner._gate)
            {
                if (owner._supersededBy is not null)
                {
                    return;
                }

                owner.ThrowIfOver();
                job = owner.Job;
                if (!job.Admits(ticket, chunk))
                {
                    return;
                }
            }

            // The numbers are looked through, and added, beside whatever else the job does.
            string? fault = job.Check(ticket, chunk);
            lock (owner._gate)
            {
                if (owner._supersededBy is not null)
                {
                    return;
                }

                owner.ThrowIfOver();
                if (!job.Claim(ticket, chunk, fault))
                {
                    return;
                }
            }

            try
            {
                job.Accumulate(ticket, chunk);
            }
            catch (ProtocolException exception)
            {
                // A chunk that is in by half cannot be taken back; the job is over.
                owner.Fail(exception);
                throw;
            }

            lock (owner._gate)
            {
                job.Done(ticket);
                owner._lastPush = ShardSpans.Current();
                if (owner._firstIn is null)
                {
                    owner._firstIn = owner._context.Time.GetTimestamp();
                    owner._firstPush = owner._lastPush;
                }
            }
        }

        public PushResult Complete()
        {
            PushResult result;
            lock (owner._gate)
            {
                Debug.Assert(!_answered, "A push is answered once.");
                _answered = true;
                if (owner._supersededBy is { } next)
                {
                    return new PushResult(PushStatus.Stale, next, [], []);
                }

                owner.ThrowIfOver();
                result = owner.Job.EndPush(ticket);
            }

            owner.AdvanceIfDecided();
            return result;
        }

        public void Dispose()
        {
            // Whole chunks of a push that broke off stay, and may have been the last that were missing.
            if (!_answered)
            {
                owner.AdvanceIfDecided();
            }
        }
    }
}
