using System.Globalization;
using System.Text;

namespace Lockstep.Contracts;

/// <summary>Text of files and other strangers, for a terminal or a log.</summary>
public static class Printable
{
    /// <returns>The text, with what is no visible character (control characters, marks of writing direction, half a surrogate pair) as its number, such as <c>\u001B</c>.</returns>
    public static string Of(string text)
    {
        if (text.All(c => !IsHidden(c) && !char.IsSurrogate(c)))
        {
            return text;
        }

        var shown = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text, i))
            {
                shown.Append(text[i]).Append(text[++i]);
            }
            else if (IsHidden(text[i]) || char.IsSurrogate(text[i]))
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:X4}");
            }
            else
            {
                shown.Append(text[i]);
            }
        }

        return shown.ToString();
    }

    /// <returns>The text as <see cref="Of"/> gives it, its ends of lines and tabs left as they are. Halves of surrogate pairs stay: the other half may come with the next text.</returns>
    public static string OfLines(ReadOnlySpan<char> text)
    {
        var shown = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (IsHidden(text[i]) && text[i] is not ('\n' or '\t') && !(text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n'))
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:X4}");
            }
            else
            {
                shown.Append(text[i]);
            }
        }

        return shown.ToString();
    }

    private static bool IsHidden(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
