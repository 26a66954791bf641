namespace Lockstep.Core.Codec;

/// <summary>How a block's range, the exponent r of |g| ≤ 2^r, follows from what was seen.</summary>
public static class RangePolicy
{
    /// <summary>Smallest range. Smaller gradients are noise beside any float32 parameter that they move.</summary>
    public const short Floor = -80;

    /// <summary>Largest range: every finite float fits.</summary>
    public const short Ceiling = 128;

    /// <summary>Before anything was measured.</summary>
    public const short Initial = 0;

    /// <summary>Room for growth from one step to the next, in powers of two.</summary>
    private const int Headroom = 6;

    public static short FromMeasured(float maxAbs) => Clamp(CeilLog2(maxAbs) + Headroom);

    /// <summary>The next step's range: follows growth at once and shrinks by a half a step, so that rare rows don't overflow again and again.</summary>
    public static short Next(short last, float maxAbs) => Clamp(Math.Max(CeilLog2(maxAbs) + Headroom, last - 1));

    /// <summary>A wider range that fits what overflowed.</summary>
    public static short Widen(short range, float maxAbs) => Clamp(Math.Max(CeilLog2(maxAbs) + Headroom, range + 1));

    private static short Clamp(int range) => (short)Math.Clamp(range, Floor, Ceiling);

    /// <summary>The smallest e with |x| ≤ 2^e; below every range for 0.</summary>
    private static int CeilLog2(float x)
    {
        if (x == 0)
        {
            return Floor - Headroom;
        }

        int floor = Math.ILogB((double)x);
        return Math.ScaleB(1.0, floor) == Math.Abs((double)x) ? floor : floor + 1;
    }
}
