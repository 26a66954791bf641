using System.Runtime.CompilerServices;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;

namespace Lockstep.Scheduler.Jobs;

/// <summary>What happened to one job last, numbered in order, for readers that come, go and come back. Safe for many callers.</summary>
/// <param name="term">Of the scheduler: its events are numbered after those of the schedulers before.</param>
/// <param name="status">The job's status now. Every event carries it.</param>
internal sealed class EventLog(long term, Func<JobStatus> status)
{
    /// <summary>Events that are kept for readers. The run's folder has all.</summary>
    private const int Kept = 4096;

    /// <summary>A term has room for four billion events.</summary>
    private const int TermShift = 32;

    private readonly Lock _gate = new();
    private readonly Queue<JobEvent> _events = new();
    // All but the steps.
    private readonly Queue<JobEvent> _log = new();
    private long _next = term << TermShift;
    // The newest event says that the job is over.
    private bool _isOver;
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Adds an event.</summary>
    /// <param name="record">A step or an evaluation; null: something else happened.</param>
    /// <param name="note">What happened, for people; null: the status says it.</param>
    public void Append(RunRecord? record, string? note)
    {
        lock (_gate)
        {
            // Within the lock: an event that says that the job is over comes last.
            var happened = new JobEvent(_next++, status(), record?.ToElement(), note);
            _isOver = happened.Status.State.IsOver();
            Keep(_events, happened);
            if (record is not StepRecord)
            {
                Keep(_log, happened);
            }

            _more.TrySetResult();
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>A page of the events that are kept, steps left out, from a number on.</summary>
    /// <param name="limit">At most so many.</param>
    public JobLogPage Page(long from, int limit)
    {
        lock (_gate)
        {
            JobEvent[] page = [.. _log.Where(e => e.Number >= from).Take(limit)];
            bool more = page.Length == limit;
            return new JobLogPage(page, more ? page[^1].Number + 1 : Math.Max(from, _next), _isOver && !more);
        }
    }

    /// <summary>
    /// Events from a number on (from the oldest that is kept, where that is later), then new ones; ends once the job is over and all were given.
    /// A number that there has not been yet is one of a scheduler before: from the oldest then.
    /// </summary>
    public async IAsyncEnumerable<JobEvent> ReadAsync(long from, [EnumeratorCancellation] CancellationToken cancellation)
    {
        for (long next = from <= Next ? Math.Max(0, from) : 0; ;)
        {
            JobEvent[] ready;
            Task more;
            bool isOver;
            lock (_gate)
            {
                long first = _next - _events.Count;
                ready = next < _next ? [.. _events.Skip((int)Math.Max(0, next - first))] : [];
                more = _more.Task;
                isOver = _isOver;
            }

            foreach (JobEvent one in ready)
            {
                yield return one;
                next = one.Number + 1;
            }

            if (ready.Length > 0)
            {
                continue;
            }

            if (isOver)
            {
                yield break;
            }

            await more.WaitAsync(cancellation);
        }
    }

    private long Next
    {
        get
        {
            lock (_gate)
            {
                return _next;
            }
        }
    }

    private static void Keep(Queue<JobEvent> events, JobEvent happened)
    {
        events.Enqueue(happened);
        if (events.Count > Kept)
        {
            events.Dequeue();
        }
    }
}
