namespace Lockstep.Core.Optimizers;

/// <summary>Powers and cosines whose bits do not depend on the system's mathematical library.</summary>
public static class FixedMath
{
    /// <summary>x to a whole power, by squaring.</summary>
    public static double Power(double x, long exponent)
    {
        double result = 1;
        for (; exponent > 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0)
            {
                result *= x;
            }

            x *= x;
        }

        return result;
    }

    /// <summary>cos(π·x) for x in [0, 1], to about 1e-16: 1 − 2·sin²(π·x/2) with the sine's series, whose 13 terms suffice up to π/2.</summary>
    public static double CosPi(double x)
    {
        double angle = Math.PI * x / 2;
        double term = angle;
        double sine = angle;
        for (int n = 1; n <= 13; n++)
        {
            term *= -(angle * angle) / ((2 * n) * ((2 * n) + 1));
            sine += term;
        }

        return 1 - (2 * sine * sine);
    }
}
