using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Client;

namespace Lockstep.EndToEnd.Tests.Scaling;

/// <summary>Reads a job's server-sent events as they come, and waits for what a test wants to see.</summary>
internal sealed class JobWatch : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<JobEvent> _events = [];
    private readonly List<StepRecord> _steps = [];
    private readonly Task _reading;
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public JobWatch(SchedulerClient scheduler, string jobId) => _reading = ReadAsync(scheduler, jobId);

    /// <value>So far, in order.</value>
    public IReadOnlyList<JobEvent> Events
    {
        get
        {
            lock (_gate)
            {
                return [.. _events];
            }
        }
    }

    public IReadOnlyList<string> Notes => [.. Events.Select(e => e.Note).OfType<string>()];

    /// <value>Those that were done, in order.</value>
    public IReadOnlyList<StepRecord> Steps
    {
        get
        {
            lock (_gate)
            {
                return [.. _steps];
            }
        }
    }

    /// <value>The newest that was done; 0: none.</value>
    public long Step => Events.LastOrDefault()?.Status.Step ?? 0;

    /// <summary>Waits until what was told so far will do; the job must not fail meanwhile.</summary>
    public async Task WaitAsync(Func<JobWatch, bool> enough, string what)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        while (true)
        {
            Task more;
            lock (_gate)
            {
                more = _more.Task;
            }

            if (enough(this))
            {
                return;
            }

            Assert.False(_reading.IsCompleted, $"The job is over ({Events.LastOrDefault()?.Status}) without this: {what}");
            try
            {
                await more.WaitAsync(patience.Token);
            }
            catch (OperationCanceledException) when (patience.IsCancellationRequested)
            {
                Assert.Fail($"Waited {Patience.TotalSeconds:0} s for this: {what}. The job's notes: {string.Join(" | ", Notes)}");
            }
        }
    }

    /// <summary>Waits for the job's end.</summary>
    public Task EndAsync() => _reading.WaitAsync(Patience, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task ReadAsync(SchedulerClient scheduler, string jobId)
    {
        try
        {
            await foreach (JobEvent item in scheduler.EventsAsync(jobId, 0, _stop.Token))
            {
                Add(item);
            }
        }
        finally
        {
            Add(null);
        }
    }

    private void Add(JobEvent? item)
    {
        lock (_gate)
        {
            if (item is not null)
            {
                _events.Add(item);
                if (item.Report is { } report && RunRecord.FromElement(report) is StepRecord step)
                {
                    _steps.Add(step);
                }
            }

            _more.TrySetResult();
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
