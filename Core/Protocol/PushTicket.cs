namespace Lockstep.Core.Protocol;

/// <summary>A contribution on its way into a <see cref="StepIntake"/>.</summary>
public sealed class PushTicket
{
    internal PushTicket(Contribution header, SlotSet slots, int chunks, short[]? hints)
    {
        Header = header;
        Slots = slots;
        Hints = hints;
        Delivered = new SlotSet(Math.Max(1, chunks));
    }

    internal Contribution Header { get; }
    internal SlotSet Slots { get; }
    /// <value>Of the version that the contribution is for; null: the shard was elsewhere. Of a version that is left they may change.</value>
    internal short[]? Hints { get; }
    internal SlotSet Delivered { get; }
    internal bool IsNotFinite => Header.Reports[0].IsNotFinite;
    internal SortedSet<int> Mismatched { get; } = [];
    internal int RefusedChunks { get; set; }
    /// <value>Chunks that took it.</value>
    internal int Taken { get; set; }
    /// <value>Chunks that are through, whether they took it or not.</value>
    internal int Through { get; set; }
    internal bool IsCounted { get; set; }
}
