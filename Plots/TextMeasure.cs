using OxyPlot;

namespace Lockstep.Plots;

/// <summary>Sizes of texts, with room for wide fonts: who looks at the picture has some of their own.</summary>
internal sealed class TextMeasure() : PdfRenderContext(1, 1, OxyColors.Transparent)
{
    /// <summary>Of the font's size, the mean of DejaVu Sans.</summary>
    private const double Advance = 0.6;
    private const double LineHeight = 1.25;

    public override OxySize MeasureText(string text, string fontFamily, double fontSize, double fontWeight) =>
        string.IsNullOrEmpty(text) ? OxySize.Empty : new OxySize(text.Length * fontSize * Advance, fontSize * LineHeight);
}
