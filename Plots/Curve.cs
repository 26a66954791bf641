namespace Lockstep.Plots;

/// <summary>How a curve is drawn.</summary>
public enum CurveStyle
{
    Line = 1,
    /// <summary>A broken line with a dot at each point: few points, far apart.</summary>
    Dotted = 2,
    /// <summary>From each point level to the next.</summary>
    Steps = 3,
    /// <summary>As <see cref="Steps"/>, broken.</summary>
    BrokenSteps = 4,
    /// <summary>Dots alone.</summary>
    Dots = 5,
}

/// <summary>Points of one quantity, in order.</summary>
/// <param name="Name">In the legend; empty: it is not in it.</param>
/// <param name="Points">What is not finite, or cannot be on a logarithmic axis, is left out, and the line broken there.</param>
/// <param name="Color">Number of a color; equal numbers are drawn in one color.</param>
public sealed record Curve(string Name, IReadOnlyList<(double X, double Y)> Points, CurveStyle Style, int Color);

/// <summary>Curves over the same axes.</summary>
/// <param name="X">What the horizontal axis shows, with its unit.</param>
/// <param name="Y">What the vertical axis shows, with its unit.</param>
public sealed record Panel(string Title, string X, string Y, IReadOnlyList<Curve> Curves)
{
    public bool IsLogarithmicX { get; init; }
    public bool IsLogarithmicY { get; init; }
    /// <value>The vertical axis begins at 0, and shows whole numbers alone.</value>
    public bool Counts { get; init; }
}
