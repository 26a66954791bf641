namespace Lockstep.Worker.Loop;

/// <summary>How validation data is cut into leased slots: contiguous, sizes differing by at most one.</summary>
internal static class EvaluationSlots
{
    /// <summary>A slot stays in the range of milliseconds, so that no worker waits long for the last one.</summary>
    private const long LargestSlot = 1024;

    /// <summary>Number of slots: as many as the job's for small data, more where they would be large; 0 without data.</summary>
    public static int Count(long samples, int jobSlots) =>
        (int)Math.Min(samples, Math.Max(jobSlots, (samples + LargestSlot - 1) / LargestSlot));

    /// <summary>The samples of a slot.</summary>
    public static long[] Of(int slot, int slots, long samples)
    {
        long from = samples * slot / slots, to = samples * (slot + 1) / slots;
        var ids = new long[to - from];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = from + i;
        }

        return ids;
    }
}
