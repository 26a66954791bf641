namespace Lockstep.Engine.Processes;

/// <summary>The processes of a fleet, and how the fleet is. Who reads or changes the members holds the lock.</summary>
internal sealed class FleetState
{
    private readonly FleetOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FleetState(FleetOptions options, TimeProvider time)
    {
        _options = options;
        Time = time;
        Plan = new FleetPlan(options);
        // Nobody may be waiting when it fails after the end.
        _ = _broken.Task.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    public Lock Gate { get; } = new();

    /// <value>By name.</value>
    public Dictionary<string, FleetMember> Members { get; } = new(StringComparer.Ordinal);

    public FleetPlan Plan { get; }

    public TimeProvider Time { get; }

    /// <value>Whether all were ready once: from then on what ends is started again. Under the lock.</value>
    public bool IsSupervised { get; set; }

    /// <value>Ends when the fleet is to end. At any time.</value>
    public CancellationToken Stopping => _stopping.Token;

    /// <value>Fails with a <see cref="FleetException"/> when a process does not stay up; never completes otherwise. At any time.</value>
    public Task Broken => _broken.Task;

    /// <summary>The fleet is to end: nothing is started again.</summary>
    public Task StopAsync() => _stopping.CancelAsync();

    /// <summary>A process does not stay up.</summary>
    public void Break(FleetException exception) => _broken.TrySetException(exception);

    /// <summary>Tells who watches the fleet.</summary>
    public void Report(string name, FleetEventKind kind, string text) => _options.Events?.Report(new FleetEvent(name, kind, text));

    /// <exception cref="FleetException">The system does not start it.</exception>
    public ChildProcess StartChild(PlannedProcess plan) => ChildProcess.Start(plan.Name, plan.Start, Path.Combine(_options.LogDirectory, plan.Name + ".log"));

    /// <summary>Ends what is left of the processes.</summary>
    public void EndAll()
    {
        lock (Gate)
        {
            foreach (FleetMember member in Members.Values)
            {
                member.Child.Dispose();
            }

            Members.Clear();
        }
    }
}
