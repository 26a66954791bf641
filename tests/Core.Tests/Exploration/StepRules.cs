namespace Lockstep.Core.Tests.Exploration;

/// <summary>Rules of the protocol that can be switched off, to show that each of them is needed: without it some schedule hangs or gives another sum.</summary>
internal sealed record StepRules
{
    /// <value>The coordinator knows what the other shards lack; else only its own bitmaps.</value>
    public bool HearsOfOtherShards { get; init; } = true;

    /// <value>A stream begins with the version that is kept as well as the newest; else with the newest only.</value>
    public bool OffersKeptVersion { get; init; } = true;

    /// <value>Of turns that wait to be sent the newest two stay; else the newest only.</value>
    public bool KeepsTwoTurns { get; init; } = true;

    /// <value>Grants go out for the lowest version of any shard; else for the coordinator's own.</value>
    public bool GrantsForLowestVersion { get; init; } = true;

    /// <value>A turn becomes the parameters once all shards gave its version; else it fills them as it comes.</value>
    public bool StagesTurns { get; init; } = true;

    /// <value>Slots of a refused contribution go one by one; else as a group again.</value>
    public bool RefusedGoAlone { get; init; } = true;

    /// <value>Grants are of a stream; else of a worker, so that the late end of an older stream frees what the newer one holds.</value>
    public bool GrantsAreOfStream { get; init; } = true;

    /// <value>The end of a stream answers all that was sent on it; else only an answer does.</value>
    public bool EndAnswers { get; init; } = true;

    /// <value>A sum's memory is used again once all shards have answered; else after the first answer.</value>
    public bool AwaitsAllAnswers { get; init; } = true;

    /// <value>The memory of a sum whose stream broke is used no more; else once nobody can answer any more.</value>
    public bool AbandonsUnanswered { get; init; } = true;

    /// <value>A worker that reads a shard's memory looks whether it still holds the version; else it takes what it finds.</value>
    public bool ChecksMemory { get; init; } = true;

    /// <value>A shard keeps a version until all have announced the next one; else until it has that itself.</value>
    public bool KeepsUntilAllAnnounced { get; init; } = true;

    /// <value>A shard computes v + 2 once all have announced v + 1; else once it has all slots.</value>
    public bool AwaitsAgreement { get; init; } = true;

    /// <value>The hash and the copy of a version are taken before the next one is computed; else some time.</value>
    public bool HashesFirst { get; init; } = true;

    /// <value>A shard that starts anew has the whole job go back; else it goes on from its own checkpoint in the same generation.</value>
    public bool RestoresAll { get; init; } = true;

    /// <value>A slot that takes too long is granted again; else only one that nobody holds or has begun.</value>
    public bool GrantsOverdue { get; init; } = true;
}
