using System.Diagnostics;
using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Hosting;

/// <summary>One worker's stream to a shard of a job.</summary>
internal sealed class StepSession(JobGeneration job, long id, string workerId, IStepSink sink) : IStepSession
{
    /// <value>Never used twice in a process.</value>
    public long Id { get; } = id;

    public string WorkerId { get; } = workerId;

    public IStepSink Sink { get; } = sink;

    public void Receive(WorkerMessage message) => job.Receive(this, message);

    public IPushSession BeginPush(long push, Contribution header)
    {
        try
        {
            return new PushSession(job, this, push, job.BeginPush(this, header));
        }
        catch (SupersededException)
        {
            throw new ProtocolException(ProtocolError.Superseded, $"Job {header.JobId} goes on in another generation.");
        }
    }

    public void Dispose() => job.Detach(this);

    /// <summary>A contribution on its way into the job.</summary>
    private sealed class PushSession(JobGeneration job, StepSession session, long push, PushTicket ticket) : IPushSession
    {
        private bool _answered;

        public void Add(in ChunkSum chunk) => job.AddChunk(ticket, chunk);

        public PushResult Complete()
        {
            Debug.Assert(!_answered, "A push is answered once.");
            _answered = true;
            PushResult result = job.EndPush(ticket);
            session.Sink.Send(new AnswerMessage(push, result));
            job.Changed();
            return result;
        }

        public void Dispose()
        {
            // Whole chunks of a push that broke off stay, and may have been the last that were missing.
            if (!_answered)
            {
                job.Changed();
            }
        }
    }
}
