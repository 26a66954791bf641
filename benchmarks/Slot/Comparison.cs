using Lockstep.Benchmarks;

namespace Lockstep.Slot;

/// <summary>Medians over rounds in turns; microseconds of processor time of one slot, where nothing else is said.</summary>
/// <param name="Forward">Of torch's own calls.</param>
/// <param name="Raw">Torch's own calls together.</param>
/// <param name="Slot">Ours.</param>
/// <param name="Read">Of ours, reading the samples.</param>
/// <param name="Ratio">Ours to torch's own calls.</param>
/// <param name="Ahead">The same where samples were read ahead.</param>
/// <param name="Load">Taking on a version, once a step.</param>
/// <param name="Allocated">Bytes of managed memory a slot.</param>
internal sealed record Comparison(double Forward, double Backward, double Copy, double Raw, double Slot, double Read, double Ratio, double Ahead, double Load, double Allocated)
{
    private const int Rounds = 15;
    private const int WarmUp = 6;
    private const double RoundMicroseconds = 200_000;

    public static Comparison Run(RawSlot raw, OurSlot ours)
    {
        // Until tiered compilation is done with what runs often.
        for (int round = 0; round < WarmUp; round++)
        {
            _ = (Mean(raw.Run), Mean(ours.Run), Mean(ours.Read), Mean(ours.RunAhead), Mean(ours.Load));
        }

        raw.ClearSplit();
        var rounds = new List<(double Raw, double Slot, double Read, double Ahead, double Load)>();
        for (int round = 0; round < Rounds; round++)
        {
            rounds.Add((Mean(raw.Run), Mean(ours.Run), Mean(ours.Read), Mean(ours.RunAhead), Mean(ours.Load)));
        }

        (double forward, double backward, double copy) = raw.Split;
        return new Comparison(
            forward,
            backward,
            copy,
            Measured.Median([.. rounds.Select(r => r.Raw)]),
            Measured.Median([.. rounds.Select(r => r.Slot)]),
            Measured.Median([.. rounds.Select(r => r.Read)]),
            Measured.Median([.. rounds.Select(r => r.Slot / r.Raw)]),
            Measured.Median([.. rounds.Select(r => r.Ahead / r.Raw)]),
            Measured.Median([.. rounds.Select(r => r.Load)]),
            AllocatedBy(ours.Run));
    }

    /// <summary>Mean of a call, over as many as take a round. What a call returns is taken off it: it was spent on something else.</summary>
    private static double Mean(Func<double> call)
    {
        int calls = 0;
        double off = 0, started = ThreadClock.Now, elapsed;
        do
        {
            off += call();
            calls++;
            elapsed = ThreadClock.Now - started;
        }
        while (elapsed < RoundMicroseconds);
        return (elapsed - off) / calls;
    }

    private static double AllocatedBy(Func<double> call)
    {
        const int Calls = 20;
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Calls; i++)
        {
            call();
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Calls;
    }
}
