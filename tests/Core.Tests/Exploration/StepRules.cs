namespace Lockstep.Core.Tests.Exploration;

/// <summary>Rules of the protocol that can be switched off, to show that each of them is needed: without it some schedule hangs or gives another sum.</summary>
internal sealed record StepRules
{
    /// <value>The coordinator knows what the other shards lack; else only its own bitmaps.</value>
    public bool HearsOfOtherShards { get; init; } = true;

    /// <value>A stream begins with the version that is kept as well as the newest; else with the newest only.</value>
    public bool OffersKeptVersion { get; init; } = true;

    /// <value>Grants go out for the lowest version of any shard; else for the coordinator's own.</value>
    public bool GrantsForLowestVersion { get; init; } = true;
}
