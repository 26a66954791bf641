namespace Lockstep.Scheduler.Jobs;

/// <summary>Whether this scheduler is in charge, and until when what it does goes on. One scheduler at a time is in charge, for a term.</summary>
internal sealed class Term
{
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <value>Ends with the term.</value>
    public CancellationToken Token { get; private set; }

    /// <value>Whether this scheduler is in charge and has read the records of the one before.</value>
    public bool IsReady { get; private set; }

    /// <value>Whether another scheduler is in charge.</value>
    public bool StandsBy { get; private set; }

    /// <value>Done once the records of a scheduler before were read: until then no worker can be told whether its job goes on.</value>
    public Task Loaded => _loaded.Task;

    /// <summary>A term begins.</summary>
    public void Begin(CancellationToken token) => Token = token;

    /// <summary>This scheduler is in charge.</summary>
    public void Lead()
    {
        (IsReady, StandsBy) = (true, false);
        _loaded.TrySetResult();
    }

    /// <summary>Another scheduler is in charge.</summary>
    public void StandBy() => (IsReady, StandsBy) = (false, true);
}
