using System.Runtime.Intrinsics;

namespace Lockstep.Core.Optimizers;

/// <summary>Clipping by global norm, with a fixed order of additions.</summary>
public static class GradientNorm
{
    /// <summary>Σ gᵢ² in float64: eight partial sums, element i in the (i mod 8)-th, added up in order.</summary>
    public static double SquaredNorm(ReadOnlySpan<float> gradient)
    {
        Vector512<double> sums = Vector512<double>.Zero;
        int i = 0;
        for (; i + 8 <= gradient.Length; i += 8)
        {
            (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.Create(gradient[i..]));
            Vector512<double> values = Vector512.Create(low, high);
            sums += values * values;
        }

        Span<double> partial = stackalloc double[8];
        sums.CopyTo(partial);
        for (; i < gradient.Length; i++)
        {
            partial[i % 8] += (double)gradient[i] * gradient[i];
        }

        double total = 0;
        foreach (double part in partial)
        {
            total += part;
        }

        return total;
    }

    /// <summary>What every gradient is multiplied by: min(1, clip / (norm + 1e-6)), as in torch.nn.utils.clip_grad_norm_.</summary>
    public static double Factor(double totalSquared, double clipNorm) => Math.Min(1, clipNorm / (Math.Sqrt(totalSquared) + 1e-6));
}
