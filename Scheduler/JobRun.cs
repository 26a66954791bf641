using System.Text.Json;
using Lockstep.Contracts.Services;

namespace Lockstep.Scheduler;

/// <summary>A job as this scheduler knows it: its state and what happened, numbered from 0.</summary>
internal sealed class JobRun
{
    private readonly Lock _gate = new();
    private readonly List<JobEvent> _events = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public JobRun(SubmitRequest request, JobState state, string? error)
    {
        Request = request;
        State = state;
        Error = error;
        using JsonDocument job = JsonDocument.Parse(request.JobJson);
        JsonElement root = job.RootElement;
        Shards = root.TryGetProperty("shards", out JsonElement shards) ? shards.GetInt32() : 1;
        if (root.TryGetProperty("workers", out JsonElement workers))
        {
            MinimumWorkers = workers.TryGetProperty("min", out JsonElement min) ? min.GetInt32() : 1;
            MaximumWorkers = workers.TryGetProperty("max", out JsonElement max) ? max.GetInt32() : int.MaxValue;
        }
    }

    public SubmitRequest Request { get; }
    public string Id => Request.JobId;
    public int Shards { get; }
    public int MinimumWorkers { get; } = 1;
    public int MaximumWorkers { get; } = int.MaxValue;
    public JobState State { get; private set; }
    public string? Error { get; private set; }
    public long Step { get; set; }
    public long TotalSteps { get; set; }
    public long StepsPerEpoch { get; set; }
    public CancellationTokenSource Stop { get; } = new();

    /// <value>Whether nothing more will happen.</value>
    public bool IsOver => State is JobState.Finished or JobState.Failed or JobState.Cancelled;

    public JobStatus Status(int workers) => new(Id, State, Error, Step, TotalSteps, StepsPerEpoch, workers);

    /// <returns>False: the job is over already.</returns>
    public bool TrySetState(JobState state, string? error)
    {
        lock (_gate)
        {
            if (IsOver)
            {
                return false;
            }

            State = state;
            Error = error;
            return true;
        }
    }

    public void Append(int workers, JsonElement? report)
    {
        lock (_gate)
        {
            _events.Add(new JobEvent(_events.Count, Status(workers), report));
            _more.TrySetResult();
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Events from a number on, then new ones; ends when the job is over and all were given.</summary>
    public async IAsyncEnumerable<JobEvent> ReadAsync(long from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        for (int next = (int)Math.Max(0, from); ;)
        {
            JobEvent[] ready;
            Task more;
            bool over;
            lock (_gate)
            {
                ready = [.. _events.Skip(next)];
                more = _more.Task;
                over = IsOver && _events.Count > 0 && _events[^1].Status.State == State;
            }

            foreach (JobEvent one in ready)
            {
                yield return one;
            }

            next += ready.Length;
            if (ready.Length > 0)
            {
                continue;
            }

            if (over)
            {
                yield break;
            }

            await more.WaitAsync(cancellation);
        }
    }
}
