using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Loop;

/// <summary>What the shards' answers to one push mean for its slots.</summary>
/// <param name="Held">Slots that every shard has.</param>
/// <param name="Missing">Slots that some shard lacks: hand them back.</param>
/// <param name="Over">The step is done on some shard; nothing is left to say about leases there.</param>
/// <param name="Behind">A shard took nothing, since it is not at this step: what is computed goes nowhere until it is.</param>
/// <param name="TryAgain">Slots were refused; alone they will be taken.</param>
/// <param name="NotFinite">This worker computed a value that is not finite: it is no good, or the job is.</param>
public sealed record PushOutcome(IReadOnlyList<int> Held, IReadOnlyList<int> Missing, bool Over, bool Behind, bool TryAgain, bool NotFinite = false)
{
    /// <summary>Decides from one answer a shard.</summary>
    public static PushOutcome Of(Cursor cursor, IReadOnlyList<int> slots, IReadOnlyList<PushResult> results)
    {
        var missing = new SortedSet<int>();
        bool over = false;
        bool behind = false;
        bool refused = false;
        bool notFinite = false;
        foreach (PushResult result in results)
        {
            switch (result.Status)
            {
                case PushStatus.Refused:
                    missing.UnionWith(result.Missing);
                    refused = true;
                    break;
                case PushStatus.NotFinite:
                    missing.UnionWith(slots);
                    notFinite = true;
                    break;
                case PushStatus.Stale when result.ShardCursor <= cursor:
                    // It came back with an older state, or just now: nothing was added, and to compute again at once would be in vain.
                    missing.UnionWith(slots);
                    behind = true;
                    break;
                case PushStatus.Stale:
                    over = true;
                    break;
            }
        }
        missing.IntersectWith(slots);
        return new PushOutcome([.. slots.Where(slot => !missing.Contains(slot))], [.. missing], over, behind, refused && !behind && !notFinite && missing.Count > 0, notFinite);
    }
}
