namespace Lockstep.Core.Grants;

/// <summary>Divides a run of slots among workers in proportion to their speed. Pure.</summary>
internal static class SlotDivision
{
    /// <summary>Speeds that differ by less are equal: what is measured is not more exact.</summary>
    private const double Tolerance = 1.3;

    /// <param name="slots">How many.</param>
    /// <param name="slotMs">Usual time of a slot by worker, milliseconds; 0: not known, taken as the mean of the others.</param>
    /// <returns>By worker, how many slots; together all of them. Equal times give counts that differ by one at the most, the larger ones first.</returns>
    public static int[] Shares(int slots, IReadOnlyList<double> slotMs)
    {
        double[] known = [.. slotMs.Where(ms => ms > 0)];
        double mean = known.Length == 0 ? 1 : known.Average();
        bool isEqual = known.Length == 0 || known.Max() < Tolerance * known.Min();
        double[] speeds = [.. slotMs.Select(ms => isEqual ? 1 : 1 / (ms > 0 ? ms : mean))];
        double all = speeds.Sum();
        int[] shares = [.. speeds.Select(speed => (int)(slots * speed / all))];
        // What rounding left goes to those that would be done first with one more.
        for (int left = slots - shares.Sum(); left > 0; left--)
        {
            int best = 0;
            for (int i = 1; i < shares.Length; i++)
            {
                if ((shares[i] + 1) / speeds[i] < (shares[best] + 1) / speeds[best])
                {
                    best = i;
                }
            }

            shares[best]++;
        }

        return shares;
    }
}
