using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>The lines of a UTF-8 file that are not empty, as bytes.</summary>
internal sealed class JsonLine : IDisposable
{
    private const int Longest = 1 << 24;

    private readonly string _path;
    private readonly Stream _stream;
    private byte[] _buffer = new byte[1 << 16];
    private int _begin;
    private int _end;
    private int _held;
    private int _nextLine = 1;

    /// <param name="progress">Is told how far the file is read.</param>
    /// <exception cref="InputException">The file cannot be opened.</exception>
    public JsonLine(string path, IProgress<DataProgress>? progress)
    {
        _path = path;
        _stream = SourceFile.Open(path, progress);
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        _held = _stream.ReadAtLeast(_buffer.AsSpan(0, mark.Length), mark.Length, throwOnEndOfStream: false);
        _end = _buffer.AsSpan(0, _held).SequenceEqual(mark) ? mark.Length : 0;
    }

    /// <value>One-based.</value>
    public int Line { get; private set; }

    /// <value>Without the line's end. Valid until the next one is read.</value>
    public ReadOnlySpan<byte> Current => _buffer.AsSpan(_begin, _end - _begin).TrimEnd("\r\n"u8);

    /// <summary>Goes to the next line that is not empty.</summary>
    /// <exception cref="InputException">It is too long, or cannot be read.</exception>
    public bool Read()
    {
        while (ReadAny())
        {
            if (!Current.Trim(" \t"u8).IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    public void Dispose() => _stream.Dispose();

    private bool ReadAny()
    {
        _begin = _end;
        int looked = _begin;
        while (true)
        {
            int found = _buffer.AsSpan(looked, _held - looked).IndexOf((byte)'\n');
            if (found >= 0)
            {
                _end = looked + found + 1;
                break;
            }

            looked = _held;
            if (!Fill(ref looked))
            {
                _end = _held;
                break;
            }
        }

        Line = _nextLine++;
        return _end > _begin;
    }

    /// <summary>Reads on behind what is held.</summary>
    /// <param name="looked">Moves with what is held.</param>
    private bool Fill(ref int looked)
    {
        if (_begin > 0)
        {
            _buffer.AsSpan(_begin, _held - _begin).CopyTo(_buffer);
            looked -= _begin;
            _held -= _begin;
            _begin = 0;
        }

        if (_held == _buffer.Length)
        {
            if (_buffer.Length >= Longest)
            {
                throw new InputException(_path, _nextLine, $"The line is longer than {Longest} bytes.", "Write one object a line.");
            }

            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        int read = _stream.Read(_buffer.AsSpan(_held));
        _held += read;
        return read > 0;
    }
}
