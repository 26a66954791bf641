using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>How a schedule ended.</summary>
/// <param name="Ledger">What was reported, by step.</param>
/// <param name="NotFinite">The job ended for the sake of these slots; null: it did not.</param>
/// <param name="Hangs">Where everything stands; null: it finished.</param>
internal sealed record ExplorationOutcome(IReadOnlyList<string> Ledger, (long Step, IReadOnlyList<int> Slots)? NotFinite, string? Hangs);

/// <summary>What happened in a schedule: what never did was not explored.</summary>
internal sealed class ExploredCounts
{
    /// <value>Workers that died.</value>
    public int Killed { get; set; }

    public int Frozen { get; set; }

    /// <value>Streams.</value>
    public int Broken { get; set; }

    /// <value>Streams.</value>
    public int Stalled { get; set; }

    /// <value>Workers that went in order.</value>
    public int Left { get; set; }

    /// <value>Streams that another one of the same worker took the place of before their end was heard.</value>
    public int Doubled { get; set; }

    public int Duplicates { get; set; }
    public int Refused { get; set; }
    public int Mismatched { get; set; }
    public int NotFinite { get; set; }
    public int Revoked { get; set; }

    /// <value>Turns that were never sent.</value>
    public int Dropped { get; set; }

    /// <value>Turns without values, as the worker holds them.</value>
    public int Held { get; set; }

    /// <value>Versions that were overwritten before they were read.</value>
    public int Late { get; set; }

    /// <value>Slots of evaluations.</value>
    public int Evaluated { get; set; }

    /// <value>Checkpoints beside those of the policy.</value>
    public int Asked { get; set; }

    public int ShardsLost { get; set; }
    public int WentBack { get; set; }

    /// <value>Lines of steps that were done again.</value>
    public int Repeated { get; set; }

    /// <value>Of these, those that came out otherwise.</value>
    public int Different { get; set; }

    public void Answered(PushResult result)
    {
        Duplicates += result.Status == PushStatus.Duplicate ? 1 : 0;
        Refused += result.Status == PushStatus.Refused ? 1 : 0;
        Mismatched += result.Mismatched.Count;
    }
}
