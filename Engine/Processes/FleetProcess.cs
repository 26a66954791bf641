namespace Lockstep.Engine.Processes;

/// <summary>A running process of a fleet.</summary>
public sealed record FleetProcess(string Name, int ProcessId, string LogPath);

/// <summary>What the fleet tells of a process.</summary>
/// <param name="Reason">For people.</param>
public sealed record FleetEvent(string Process, FleetEventKind Kind, string Reason)
{
    public override string ToString() => $"{Process} {(Kind == FleetEventKind.GivenUp ? "given up" : Kind.ToString().ToLowerInvariant())}: {Reason}";
}

public enum FleetEventKind
{
    Started = 1,
    /// <summary>It ended by itself and is started again.</summary>
    Restarted = 2,
    /// <summary>It was asked to end, and did.</summary>
    Stopped = 3,
    /// <summary>It does not stay up.</summary>
    GivenUp = 4,
    /// <summary>It takes long to start, and the others begin without it.</summary>
    Late = 5,
    /// <summary>The start takes long.</summary>
    Starting = 6,
}
