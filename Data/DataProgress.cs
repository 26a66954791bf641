namespace Lockstep.Data;

/// <summary>How far a file is looked through.</summary>
/// <param name="Doing">Such as <c>reading</c>: each file may be gone through more than once.</param>
/// <param name="Done">Of <paramref name="Total"/>, bytes as they lie on the disk, or rows.</param>
public sealed record DataProgress(string File, string Doing, long Done, long Total);
