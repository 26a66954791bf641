namespace Lockstep.Engine.Processes;

/// <summary>A process of the fleet could not be started, or ended when it should not have.</summary>
public sealed class FleetException(string message) : Exception(message)
{
    /// <value>Another process took a port first; other ports may do.</value>
    public bool PortTaken { get; init; }
}
