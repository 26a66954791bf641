namespace Lockstep.Core.Protocol;

/// <summary>Where a job is. Ordered by generation, then step, then attempt.</summary>
/// <param name="Generation">Grows when a job goes back to a checkpoint.</param>
/// <param name="Step">The version v that is read; the step leads to v + 1.</param>
/// <param name="Attempt">0, or <see cref="Evaluation"/>: the evaluation of version v, which comes before its step.</param>
public readonly record struct Cursor(int Generation, long Step, int Attempt) : IComparable<Cursor>
{
    public const int Evaluation = -1;

    public int CompareTo(Cursor other) =>
        (Generation, Step, Attempt).CompareTo((other.Generation, other.Step, other.Attempt));

    public static bool operator <(Cursor left, Cursor right) => left.CompareTo(right) < 0;
    public static bool operator >(Cursor left, Cursor right) => left.CompareTo(right) > 0;
    public static bool operator <=(Cursor left, Cursor right) => left.CompareTo(right) <= 0;
    public static bool operator >=(Cursor left, Cursor right) => left.CompareTo(right) >= 0;

    public override string ToString() => $"{Generation}.{Step}.{Attempt}";
}
