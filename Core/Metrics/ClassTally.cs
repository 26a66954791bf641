using Lockstep.Contracts.Runs;

namespace Lockstep.Core.Metrics;

/// <summary>Counts of samples within the parts of an evaluation: for the whole matrix, by class and then by the class that the model says; else by class those that are right, those that are of it, and those that the model says are.</summary>
/// <param name="first">Where they begin.</param>
public sealed class ClassTally(int classes, bool isMatrix, int first)
{
    /// <summary>A matrix of more is read by nobody, and takes a megabyte an evaluation.</summary>
    public const int LargestMatrix = 100;

    private const int Right = 0;
    private const int Of = 1;
    private const int Said = 2;

    /// <value>Numbers of it.</value>
    public int Length => isMatrix ? classes * classes : 3 * classes;

    /// <summary>Counts one sample.</summary>
    /// <param name="parts">Of all metrics.</param>
    public void Count(Span<double> parts, int label, int predicted)
    {
        if (isMatrix)
        {
            parts[first + (label * classes) + predicted]++;
            return;
        }

        parts[first + (3 * label) + Of]++;
        parts[first + (3 * predicted) + Said]++;
        if (label == predicted)
        {
            parts[first + (3 * label) + Right]++;
        }
    }

    /// <param name="parts">Sums over all samples.</param>
    /// <param name="names">By class.</param>
    public IReadOnlyList<ClassResult> Results(ReadOnlySpan<double> parts, IReadOnlyList<string> names)
    {
        var results = new ClassResult[classes];
        for (int i = 0; i < classes; i++)
        {
            double right, of = 0, said = 0;
            if (isMatrix)
            {
                right = parts[first + (i * classes) + i];
                for (int other = 0; other < classes; other++)
                {
                    of += parts[first + (i * classes) + other];
                    said += parts[first + (other * classes) + i];
                }
            }
            else
            {
                (right, of, said) = (parts[first + (3 * i) + Right], parts[first + (3 * i) + Of], parts[first + (3 * i) + Said]);
            }

            results[i] = new ClassResult(names[i], (long)of, (long)said, Fraction(right, said), Fraction(right, of), Fraction(2 * right, of + said));
        }

        return results;
    }

    /// <param name="parts">Sums over all samples.</param>
    /// <returns>Null: only the sums of the matrix are counted.</returns>
    public IReadOnlyList<IReadOnlyList<long>>? Matrix(double[] parts) => !isMatrix ? null
        : [.. Enumerable.Range(0, classes).Select(row => parts.AsSpan(first + (row * classes), classes).ToArray().Select(count => (long)count).ToArray())];

    private static double Fraction(double part, double whole) => whole > 0 ? part / whole : 0;
}
