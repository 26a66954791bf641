using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;

namespace Lockstep.Data;

/// <summary>A text in pieces of whole lines, which follow from its characters alone: each ends after the last line's end among the 65536 characters from its beginning, or with them where there is none.</summary>
internal sealed class TextPieces : IDisposable
{
    private const int Longest = 1 << 16;

    private readonly Encoding _encoding;
    private readonly StreamReader _reader;
    private readonly char[] _buffer = new char[Longest];
    private int _held;
    private int _length;
    private int _nextLine = 1;

    /// <param name="progress">Is told how far the file is read.</param>
    /// <exception cref="InputException">The file cannot be opened, or its encoding is none.</exception>
    public TextPieces(string path, string encoding, IProgress<DataProgress>? progress = null)
    {
        Path = path;
        _encoding = TextEncodings.Required(path, encoding);
        _reader = TextReading.Open(SourceFile.Open(path, progress), _encoding);
    }

    public string Path { get; }

    /// <value>One-based, where the piece begins.</value>
    public int Line { get; private set; }

    /// <value>Valid until the next one is read.</value>
    public ReadOnlySpan<char> Piece => _buffer.AsSpan(0, _length);

    /// <summary>Goes to the next piece.</summary>
    /// <exception cref="InputException">What comes is no text, or cannot be read.</exception>
    public bool Read()
    {
        try
        {
            _buffer.AsSpan(_length, _held - _length).CopyTo(_buffer);
            _held -= _length;
            _held += _reader.ReadBlock(_buffer, _held, Longest - _held);
            _length = _held < Longest ? _held : _buffer.AsSpan().LastIndexOf('\n') + 1;
            if (_length == 0)
            {
                // Both halves of a character stay together.
                _length = _held > 0 && char.IsHighSurrogate(_buffer[_held - 1]) ? _held - 1 : _held;
            }
        }
        catch (DecoderFallbackException)
        {
            using Stream file = SourceFile.Open(Path);
            throw InvalidText.Find(Path, file, _encoding, "set 'data.encoding: {0}', or save the file as UTF-8");
        }

        Line = _nextLine;
        _nextLine += Piece.Count('\n');
        return _length > 0;
    }

    public void Dispose() => _reader.Dispose();
}
