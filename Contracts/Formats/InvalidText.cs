using System.Text;

namespace Lockstep.Contracts.Formats;

/// <summary>Finds the bytes of a text that are no text, for a message that says where they are and what would read them.</summary>
public static class InvalidText
{
    private const int Chunk = 1 << 16;

    /// <summary>Stands for a byte that cannot be decoded: no character.</summary>
    private const char Mark = '\uFFFF';

    /// <param name="stream">The text from its beginning.</param>
    /// <param name="encoding">What it was read as; a mark of byte order goes before it.</param>
    /// <param name="remedy">What to do, in the imperative; <c>{0}</c> stands for the encoding that would fit.</param>
    public static InputException Find(string path, Stream stream, Encoding encoding, string remedy)
    {
        var bytes = new byte[Chunk];
        int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        (Encoding told, int from) = TextEncodings.ByMark(bytes.AsSpan(0, read), encoding);
        var bad = new BadBytes();
        var noting = (Encoding)told.Clone();
        noting.DecoderFallback = bad;
        Decoder decoder = noting.GetDecoder();
        var characters = new char[told.GetMaxCharCount(Chunk)];
        int line = 1, column = 1;
        while (true)
        {
            bool last = read < bytes.Length;
            int count = decoder.GetChars(bytes, from, read - from, characters, 0, flush: last);
            ReadOnlySpan<char> decoded = characters.AsSpan(0, count);
            int end = bad.Found is null ? count : Math.Max(0, decoded.IndexOf(Mark));
            ReadOnlySpan<char> good = decoded[..end];
            int breaks = good.Count('\n');
            line += breaks;
            column = breaks > 0 ? end - good.LastIndexOf('\n') : column + end;
            if (bad.Found is { } found)
            {
                string values = string.Join(' ', found.Select(b => $"0x{b:X2}"));
                string what = found.Length == 1 ? $"The byte {values} at column {column} is" : $"The bytes {values} at column {column} are";
                return new InputException(path, line, $"{what} no {told.WebName.ToUpperInvariant()}.", Remedy(bytes.AsSpan(from, read - from), bad.Index - from, remedy));
            }

            if (last)
            {
                return new InputException(path, 0, $"The text is no {told.WebName.ToUpperInvariant()}.", Remedy(bytes.AsSpan(from, read - from), 0, remedy));
            }

            from = 0;
            read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        }
    }

    private static string Remedy(ReadOnlySpan<byte> bytes, int at, string remedy)
    {
        if (EncodingGuess.Find(bytes) is not { } guess)
        {
            return $"This may be no text at all; if it is one, {string.Format(System.Globalization.CultureInfo.InvariantCulture, remedy, "NAME")}.";
        }

        string word = EncodingGuess.Word(bytes, Math.Clamp(at, 0, bytes.Length), guess);
        string reads = word.Length > 0 ? $", in which it reads '{word}'" : "";
        return $"It would fit {guess.WebName}{reads}: {string.Format(System.Globalization.CultureInfo.InvariantCulture, remedy, guess.WebName)}.";
    }

    /// <summary>Notes the first bytes that could not be decoded.</summary>
    private sealed class BadBytes : DecoderFallback
    {
        public byte[]? Found { get; private set; }

        /// <value>Within the chunk; may lie before it.</value>
        public int Index { get; private set; }

        public override int MaxCharCount => 1;

        public override DecoderFallbackBuffer CreateFallbackBuffer() => new Buffer(this);

        private sealed class Buffer(BadBytes owner) : DecoderFallbackBuffer
        {
            private bool _waiting;

            public override int Remaining => _waiting ? 1 : 0;

            public override bool Fallback(byte[] bytesUnknown, int index)
            {
                if (owner.Found is null)
                {
                    owner.Found = bytesUnknown;
                    owner.Index = index;
                }

                return _waiting = true;
            }

            public override char GetNextChar()
            {
                char next = _waiting ? Mark : '\0';
                _waiting = false;
                return next;
            }

            public override bool MovePrevious() => false;
        }
    }
}
