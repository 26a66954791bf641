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
            lock (owner._gate)
            {
                if (owner._supersededBy is not null)
                {
                    return;
                }

                owner.ThrowIfOver();
                if (owner.Job.AddChunk(ticket, chunk))
                {
                    owner._lastPush = ShardSpans.Current();
                    if (owner._firstIn is null)
                    {
                        owner._firstIn = owner._context.Time.GetTimestamp();
                        owner._firstPush = owner._lastPush;
                    }
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
