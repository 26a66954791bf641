namespace Lockstep.Data;

/// <summary>How a label that <see cref="IDataSet.Read"/> gives was scaled: in its own unit it is (what was read) · Unit + Offset.</summary>
public readonly record struct LabelScale(double Unit, double Offset)
{
    public static readonly LabelScale None = new(1, 0);

    /// <summary>Whether a label, in its own unit, was 0 before it was scaled and rounded to float32.</summary>
    public bool IsZero(double label) => Math.Abs(label) <= Math.Abs(Offset) / (1 << 23);
}
