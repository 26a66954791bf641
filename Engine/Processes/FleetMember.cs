namespace Lockstep.Engine.Processes;

/// <summary>A process of a fleet over all its lives. Who reads or changes it holds the fleet's lock.</summary>
/// <param name="number">Of a worker, from 0; null for others.</param>
internal sealed class FleetMember(PlannedProcess plan, int? number, ChildProcess child)
{
    public PlannedProcess Plan { get; set; } = plan;
    public int? Number { get; } = number;
    public bool IsWorker => Number is not null;
    public ChildProcess Child { get; set; } = child;
    public DateTimeOffset Started { get; set; }
    public List<DateTimeOffset> Ends { get; } = [];
    /// <value>A signal that ends it was sent.</value>
    public bool IsToEnd { get; set; }
    public bool IsLeaving { get; set; }
    /// <value>It was ready once.</value>
    public bool IsReady { get; set; }
    public string LeaveReason { get; set; } = "";
}
