namespace Lockstep.Data;

/// <summary>An image that is to be read.</summary>
/// <param name="Labels">As they are stored; empty: it has none.</param>
internal sealed record ImageEntry(string Path, double[] Labels);
