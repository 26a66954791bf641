using System.Text;

namespace Lockstep.Contracts.Formats;

/// <summary>Encodings by name, all strict: bytes that are no text of the encoding are an error, and never replaced.</summary>
public static class TextEncodings
{
    /// <summary>What a text is read as where nothing else is said.</summary>
    public const string Usual = "utf-8";

    /// <summary>Names for messages; every name that .NET knows is taken.</summary>
    public const string Examples = "utf-8, utf-16, iso-8859-1, windows-1252, windows-1251, shift_jis, gb18030";

    /// <returns>Null: there is no such encoding.</returns>
    public static Encoding? Find(string name)
    {
        try
        {
            Encoding found = CodePagesEncodingProvider.Instance.GetEncoding(name, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)
                ?? Encoding.GetEncoding(name, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
            return found;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>The encoding that a job names.</summary>
    /// <param name="path">What is read by it, for messages.</param>
    /// <exception cref="InputException">There is no such encoding.</exception>
    public static Encoding Required(string path, string name) =>
        Find(name) ?? throw new InputException(path, 0, $"There is no encoding '{name}'.", $"Set 'data.encoding' to one such as {Examples}.");

    /// <summary>The encoding that a mark of byte order at the file's beginning tells, else the one given.</summary>
    /// <param name="start">The file's first bytes; four are enough.</param>
    /// <returns>The encoding, and the bytes of the mark.</returns>
    public static (Encoding Encoding, int MarkLength) ByMark(ReadOnlySpan<byte> start, Encoding given) => start switch
    {
        [0xEF, 0xBB, 0xBF, ..] => (Find("utf-8")!, 3),
        [0xFF, 0xFE, 0, 0, ..] => (Find("utf-32")!, 4),
        [0, 0, 0xFE, 0xFF, ..] => (Find("utf-32BE")!, 4),
        [0xFF, 0xFE, ..] => (Find("utf-16")!, 2),
        [0xFE, 0xFF, ..] => (Find("utf-16BE")!, 2),
        _ => (given, 0),
    };
}
