using System.Text;

namespace Lockstep.Contracts.Formats;

/// <summary>Guesses the encoding of bytes that are no UTF-8, for a person to look at: no text is read by a guess.</summary>
internal static class EncodingGuess
{
    private const int LongestWord = 20;

    /// <summary>Encodings of two bytes a character, in which text has most of its high bytes in pairs.</summary>
    private static readonly string[] Pairs = ["shift_jis", "euc-jp", "gb18030", "euc-kr", "big5"];

    /// <returns>Null: nothing speaks for a text.</returns>
    public static Encoding? Find(ReadOnlySpan<byte> bytes)
    {
        int evenZeros = 0, oddZeros = 0, control = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            evenZeros += bytes[i] == 0 && i % 2 == 0 ? 1 : 0;
            oddZeros += bytes[i] == 0 && i % 2 == 1 ? 1 : 0;
            control += bytes[i] is > 0 and < 0x20 and not ((byte)'\t' or (byte)'\n' or (byte)'\r') ? 1 : 0;
        }

        if (evenZeros + oddZeros > bytes.Length / 8)
        {
            Encoding? wide = TextEncodings.Find(oddZeros >= evenZeros ? "utf-16" : "utf-16BE");
            return Math.Min(evenZeros, oddZeros) <= bytes.Length / 32 && Fits(wide, bytes) ? wide : null;
        }

        if (evenZeros + oddZeros > 0 || control > bytes.Length / 32)
        {
            return null;
        }

        (int high, int runs, int upper, int c1) = HighBytes(bytes);
        // Most first bytes of shift_jis lie where windows-1252 has only marks, and its second ones are often letters of ASCII.
        if (c1 * 2 > high && TextEncodings.Find(Pairs[0]) is { } japanese && Fits(japanese, bytes))
        {
            return japanese;
        }

        if (runs * 2 > high)
        {
            // Cyrillic letters are the upper quarter of windows-1251.
            if (upper * 10 > high * 9)
            {
                return TextEncodings.Find("windows-1251");
            }

            foreach (string name in Pairs)
            {
                if (TextEncodings.Find(name) is { } pair && Fits(pair, bytes))
                {
                    return pair;
                }
            }
        }

        return TextEncodings.Find(c1 > 0 ? "windows-1252" : "iso-8859-1");
    }

    /// <summary>The letters around a place, as an encoding reads them.</summary>
    public static string Word(ReadOnlySpan<byte> bytes, int at, Encoding encoding)
    {
        int from = at, to = at;
        while (from > 0 && at - from < LongestWord && bytes[from - 1] is not ((byte)'\n' or (byte)'\r' or (byte)',' or (byte)';' or (byte)'\t' or (byte)'"'))
        {
            from--;
        }

        while (to < bytes.Length && to - at < LongestWord && bytes[to] is not ((byte)'\n' or (byte)'\r' or (byte)',' or (byte)';' or (byte)'\t' or (byte)'"'))
        {
            to++;
        }

        try
        {
            return encoding.IsSingleByte ? encoding.GetString(bytes[from..to]).Trim() : "";
        }
        catch (DecoderFallbackException)
        {
            return "";
        }
    }

    /// <returns>High bytes in all, those in runs of three and more, those from 0xC0 on, and those that are no letters in iso-8859-1.</returns>
    private static (int High, int Runs, int Upper, int C1) HighBytes(ReadOnlySpan<byte> bytes)
    {
        int high = 0, runs = 0, upper = 0, c1 = 0, run = 0;
        foreach (byte value in bytes)
        {
            run = value < 0x80 ? 0 : run + 1;
            high += value < 0x80 ? 0 : 1;
            runs += run switch { < 3 => 0, 3 => 3, _ => 1 };
            upper += value >= 0xC0 ? 1 : 0;
            c1 += value is >= 0x80 and < 0xA0 ? 1 : 0;
        }

        return (high, runs, upper, c1);
    }

    private static bool Fits(Encoding? encoding, ReadOnlySpan<byte> bytes)
    {
        // The end of a chunk may cut a character off.
        for (int cut = 0; cut < (bytes.Length < 1000 ? 1 : 4); cut++)
        {
            try
            {
                encoding?.GetCharCount(bytes[..^cut]);
                return encoding is not null;
            }
            catch (DecoderFallbackException)
            {
            }
        }

        return false;
    }
}
