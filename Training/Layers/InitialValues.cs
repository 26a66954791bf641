using Lockstep.Core.Optimizers;
using Lockstep.Core.Sampling;

namespace Lockstep.Training;

/// <summary>What a tensor is at version 0: the same bits on every machine.</summary>
internal abstract record InitialValues
{
    public static InitialValues Zeros { get; } = new Constant(0);

    public static InitialValues Ones { get; } = new Constant(1);

    /// <summary>As torch's linear and convolutions (kaiming uniform with a = √5).</summary>
    /// <param name="fanIn">Numbers that one output is made of.</param>
    public static InitialValues OfFanIn(long fanIn) => new Uniform(1 / Math.Sqrt(fanIn));

    /// <summary>Between the bounds, of a standard deviation.</summary>
    public static InitialValues OfDeviation(double deviation) => new Uniform(deviation * Math.Sqrt(3));

    /// <summary>As torch's attention (Xavier uniform).</summary>
    public static InitialValues OfFans(long fanIn, long fanOut) => new Uniform(Math.Sqrt(6.0 / (fanIn + fanOut)));

    /// <param name="key">Of the tensor.</param>
    /// <param name="values">Overwritten.</param>
    public abstract void Fill(ulong key, Span<float> values);

    private sealed record Constant(float Value) : InitialValues
    {
        public override void Fill(ulong key, Span<float> values) => values.Fill(Value);
    }

    /// <param name="Bound">Values are in ±Bound.</param>
    private sealed record Uniform(double Bound) : InitialValues
    {
        public override void Fill(ulong key, Span<float> values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = CounterRandom.Uniform(key, i, Bound);
            }
        }
    }

    /// <summary>Sines and cosines of a step's place, in frequencies from 1 to 1/10000 (Vaswani et al. 2017).</summary>
    /// <param name="Width">Of a step.</param>
    internal sealed record Waves(int Width) : InitialValues
    {
        private const double Slowest = 1e-4;

        public override void Fill(ulong key, Span<float> values)
        {
            int pairs = (Width + 1) / 2;
            double ratio = Root(Slowest, pairs);
            for (int pair = 0; pair < pairs; pair++)
            {
                double frequency = FixedMath.Power(ratio, pair) / Math.PI;
                for (int step = 0; step < values.Length / Width; step++)
                {
                    double turns = step * frequency;
                    values[(step * Width) + (2 * pair)] = (float)Cosine(turns - 0.5);
                    if ((2 * pair) + 1 < Width)
                    {
                        values[(step * Width) + (2 * pair) + 1] = (float)Cosine(turns);
                    }
                }
            }
        }

        /// <summary>cos(πx) of any x.</summary>
        private static double Cosine(double x)
        {
            double within = Math.Abs(x) % 2;
            return FixedMath.CosPi(within > 1 ? 2 - within : within);
        }

        /// <summary>The nth root of a number below 1, by halves: system libraries differ in their last bits.</summary>
        private static double Root(double value, int n)
        {
            double low = 0, high = 1;
            for (int i = 0; i < 60; i++)
            {
                double middle = (low + high) / 2;
                (low, high) = FixedMath.Power(middle, n) < value ? (middle, high) : (low, middle);
            }

            return high;
        }
    }
}
