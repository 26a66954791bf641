using System.Globalization;
using System.Numerics;

namespace Lockstep.Data;

/// <summary>Reads numbers as the nearest float64, as fast as the fields of a row follow each other.</summary>
/// <param name="decimalMark">Stands before the fraction.</param>
/// <param name="thousands">Stands between groups of three digits; null: nothing does.</param>
internal sealed class NumberText(char decimalMark = '.', char? thousands = null)
{
    private const int LongestText = 512;

    /// <summary>Digits that always fit an unsigned long.</summary>
    private const int SafeDigits = 19;

    private const ulong LargestExact = 1UL << 53;

    /// <summary>Powers of ten that are exact in float64.</summary>
    private static readonly double[] Powers = [.. Enumerable.Range(0, 23).Select(e => double.Parse($"1e{e}", CultureInfo.InvariantCulture))];

    /// <param name="rounded">A whole number that float64 cannot hold.</param>
    /// <returns>Whether the text is a number; it may be beyond what float64 can hold, and then the value is infinite.</returns>
    public bool TryRead(ReadOnlySpan<char> text, out double value, out bool rounded)
    {
        if (thousands is not null && text.Contains(thousands.Value))
        {
            Span<char> plain = stackalloc char[LongestText];
            value = 0;
            rounded = false;
            return TryUngroup(text, plain, out int length) && TryReadPlain(plain[..length], out value, out rounded);
        }

        return TryReadPlain(text, out value, out rounded);
    }

    /// <summary>The keys of a job file that have a text read like this.</summary>
    public string Keys(ReadOnlySpan<char> text)
    {
        bool grouped = thousands is { } mark && text.Contains(mark);
        string group = $"'thousands: \"{thousands}\"'";
        return decimalMark == '.' ? group : $"'decimal: \"{decimalMark}\"'{(grouped ? " with " + group : "")}";
    }

    private bool TryReadPlain(ReadOnlySpan<char> text, out double value, out bool rounded)
    {
        int at = text.Length > 0 && text[0] is '-' or '+' ? 1 : 0;
        ulong digits = 0;
        int count = 0, scale = 0;
        bool fraction = false, whole = at < text.Length;
        for (; at < text.Length; at++)
        {
            uint digit = (uint)(text[at] - '0');
            if (digit <= 9)
            {
                digits = (digits * 10) + digit;
                // Zeros before the first digit take no room.
                count += digits > 0 ? 1 : 0;
                scale -= fraction ? 1 : 0;
            }
            else if (text[at] == decimalMark && !fraction)
            {
                fraction = true;
            }
            else
            {
                whole = false;
                break;
            }
        }

        // Two exact numbers and one operation: the nearest number (Clinger 1990).
        if (whole && count <= SafeDigits && digits <= LargestExact && scale >= 1 - Powers.Length && char.IsAsciiDigit(text[^1]))
        {
            double magnitude = digits / Powers[-scale];
            value = text[0] == '-' ? -magnitude : magnitude;
            rounded = false;
            return true;
        }

        return TryReadSlowly(text, whole && !fraction, out value, out rounded);
    }

    private bool TryReadSlowly(ReadOnlySpan<char> text, bool whole, out double value, out bool rounded)
    {
        rounded = false;
        if (decimalMark != '.')
        {
            if (text.Contains('.'))
            {
                value = 0;
                return false;
            }

            text = text.ToString().Replace(decimalMark, '.');
        }

        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value))
        {
            return false;
        }

        rounded = whole && text.Length <= LongestText && double.IsFinite(value) && BigInteger.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) != new BigInteger(value);
        return true;
    }

    /// <summary>Takes the marks out from between groups of three digits; anywhere else they are wrong.</summary>
    private bool TryUngroup(ReadOnlySpan<char> text, Span<char> plain, out int length)
    {
        length = 0;
        int end = text.IndexOfAny(decimalMark, 'e', 'E');
        int group = 0, groups = 0;
        for (int i = 0; i < text.Length && text.Length <= LongestText; i++)
        {
            bool grouping = end < 0 || i < end;
            if (text[i] == thousands)
            {
                if (!grouping || (groups == 0 ? group is < 1 or > 3 : group != 3))
                {
                    return false;
                }

                group = 0;
                groups++;
                continue;
            }

            group += grouping && char.IsAsciiDigit(text[i]) ? 1 : 0;
            plain[length++] = text[i];
        }

        return length > 0 && group == 3;
    }
}
