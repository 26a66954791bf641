namespace Lockstep.Core.Sampling;

/// <summary>Counter-based randomness: a value depends on its key and index alone, so any process draws the same at any place.</summary>
public static class CounterRandom
{
    /// <summary>The finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection of 64 bits.</summary>
    public static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    public static ulong Key(ulong seed, ulong a, ulong b) => Mix(Mix(Mix(seed) ^ a) ^ b);

    /// <summary>Uniform in [−bound, bound), on a grid of 2⁻²³ · bound.</summary>
    public static float Uniform(ulong key, long index, double bound) =>
        (float)((((Mix(key ^ Mix((ulong)index)) >> 40) * (1.0 / (1 << 23))) - 1) * bound);
}
