namespace Lockstep.Contracts.Jobs;

/// <summary>How images become samples, and what varies of them while they are trained on.</summary>
public sealed record ImageSpec
{
    /// <value>Of a sample: [channels, height, width]; one channel is grey, three are red, green and blue.</value>
    public required IReadOnlyList<int> Shape { get; init; }
    /// <value>How an image of other proportions is brought to the size. Default stretch.</value>
    public ImageFit Fit { get; init; } = ImageFit.Stretch;
    /// <value>Images are so many pixels larger than Shape, in both directions: training takes a part of each by chance, measuring the middle. Default 0.</value>
    public int Crop { get; init; }
    /// <value>Whether half of the samples that are trained on are mirrored, left to right.</value>
    public bool Flip { get; init; }
    /// <value>Samples that are trained on are moved by up to so many pixels in each direction; what comes in is black. Default 0.</value>
    public int Shift { get; init; }
}

/// <summary>How an image of other proportions is brought to a size.</summary>
public enum ImageFit
{
    /// <summary>Both edges to their lengths.</summary>
    Stretch = 1,

    /// <summary>The size is filled, and what is beyond is cut off at both sides.</summary>
    Cover = 2,

    /// <summary>The whole image is seen, with black at both sides.</summary>
    Contain = 3,
}
