using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lockstep.Data;

/// <summary>
/// Cuts text into rows of fields, as RFC 4180 has them: a field that begins with a quote ends with one, and two quotes in it are one. A row ends with \n, \r\n or \r.
/// Characters that mean something are found sixteen at a time.
/// </summary>
/// <param name="reader">Becomes this object's.</param>
internal sealed class CsvText(TextReader reader, char delimiter, int longestRow) : IDisposable
{
    private const int FirstBuffer = 1 << 16;
    private const int FirstFields = 32;

    private readonly Vector256<ushort> _delimiters = Vector256.Create((ushort)delimiter);
    private char[] _buffer = new char[FirstBuffer];

    // Of the row at hand: within the buffer.
    private int _start;
    private int _filled;
    private bool _ended;
    private bool _afterReturn;

    // Places are counted from the row's start, which moves when the buffer is filled.
    private Field[] _fields = new Field[FirstFields];
    private int _field;
    private bool _quoted;
    private bool _inQuotes;
    private bool _escaped;
    private int _closed;
    private int _length;
    private int _breaks;
    private char[] _unescaped = [];

    /// <value>Of the row read last.</value>
    public int FieldCount { get; private set; }

    /// <value>One-based line at which the row begins.</value>
    public int Line { get; private set; }

    private int _nextLine = 1;

    /// <summary>Goes to the next row.</summary>
    /// <exception cref="CsvException">It cannot be cut into fields.</exception>
    public bool Read()
    {
        _start += _length;
        Line = _nextLine;
        (FieldCount, _field, _length, _breaks, _quoted, _escaped) = (0, 0, 0, 0, false, false);
        int at = 0;
        while (true)
        {
            if (Scan(ref at))
            {
                _nextLine += _breaks + 1;
                return true;
            }

            if (!Fill())
            {
                break;
            }
        }

        if (at == 0)
        {
            return false;
        }

        if (_inQuotes)
        {
            throw new CsvException(Line, "a quote is opened and not closed");
        }

        EndField(at);
        _length = at;
        _nextLine += _breaks + 1;
        return true;
    }

    /// <summary>A field of the row, without its quotes. Valid until the next one is asked for.</summary>
    public ReadOnlySpan<char> this[int index]
    {
        get
        {
            Field field = _fields[index];
            ReadOnlySpan<char> text = _buffer.AsSpan(_start + field.From, field.To - field.From);
            return field.Escaped ? Unescape(text) : text;
        }
    }

    public void Dispose() => reader.Dispose();

    /// <summary>Looks for the row's end in what is in the buffer.</summary>
    /// <param name="at">Where to go on, from the row's start.</param>
    private bool Scan(ref int at)
    {
        if (_afterReturn && _start < _filled)
        {
            _start += _buffer[_start] == '\n' ? 1 : 0;
            _afterReturn = false;
        }

        ReadOnlySpan<char> row = _buffer.AsSpan(_start, _filled - _start);
        ref ushort first = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(row));
        int block = at;
        while (block < row.Length)
        {
            uint special;
            if (row.Length - block >= Vector256<ushort>.Count)
            {
                Vector256<ushort> characters = Vector256.LoadUnsafe(ref first, (nuint)block);
                special = (Vector256.Equals(characters, _delimiters) | Vector256.Equals(characters, Vector256.Create((ushort)'"'))
                    | Vector256.Equals(characters, Vector256.Create((ushort)'\n')) | Vector256.Equals(characters, Vector256.Create((ushort)'\r'))).ExtractMostSignificantBits();
            }
            else
            {
                special = Specials(row[block..]);
            }

            for (; special != 0; special &= special - 1)
            {
                int place = block + BitOperations.TrailingZeroCount(special);
                if (Take(row[place], place))
                {
                    _length = place + 1;
                    return true;
                }
            }

            block += Vector256<ushort>.Count;
        }

        at = row.Length;
        return false;
    }

    private uint Specials(ReadOnlySpan<char> rest)
    {
        uint special = 0;
        for (int i = 0; i < rest.Length; i++)
        {
            special |= rest[i] == delimiter || rest[i] is '"' or '\n' or '\r' ? 1u << i : 0;
        }

        return special;
    }

    /// <returns>Whether the row ends here.</returns>
    private bool Take(char special, int at)
    {
        if (special == '"')
        {
            TakeQuote(at);
            return false;
        }

        if (_inQuotes)
        {
            _breaks += special == '\n' ? 1 : 0;
            return false;
        }

        EndField(at);
        if (special == delimiter)
        {
            _field = at + 1;
            return false;
        }

        _afterReturn = special == '\r';
        return true;
    }

    private void TakeQuote(int at)
    {
        if (_inQuotes)
        {
            _inQuotes = false;
            _closed = at + 1;
        }
        else if (_quoted && at == _closed)
        {
            _inQuotes = _escaped = true;
        }
        else if (at == _field)
        {
            _inQuotes = _quoted = true;
        }
    }

    private void EndField(int at)
    {
        if (FieldCount == _fields.Length)
        {
            Array.Resize(ref _fields, 2 * FieldCount);
        }

        if (!_quoted)
        {
            _fields[FieldCount++] = new Field(_field, at, false);
            return;
        }

        if (_closed != at)
        {
            throw new CsvException(Line, $"field {FieldCount + 1} goes on after its closing quote");
        }

        _fields[FieldCount++] = new Field(_field + 1, at - 1, _escaped);
        _quoted = _escaped = false;
    }

    /// <summary>Reads more behind the row's beginning.</summary>
    /// <returns>Whether there was more.</returns>
    private bool Fill()
    {
        if (_ended)
        {
            return false;
        }

        int kept = _filled - _start;
        if (kept > longestRow)
        {
            throw new CsvException(Line, $"it is longer than {longestRow} characters; a quote may not be closed");
        }

        char[] target = kept > _buffer.Length / 2 ? new char[2 * _buffer.Length] : _buffer;
        _buffer.AsSpan(_start, kept).CopyTo(target);
        (_buffer, _start, _filled) = (target, 0, kept);
        int read = reader.Read(_buffer, _filled, _buffer.Length - _filled);
        _filled += read;
        _ended = read == 0;
        return !_ended;
    }

    private ReadOnlySpan<char> Unescape(ReadOnlySpan<char> text)
    {
        if (_unescaped.Length < text.Length)
        {
            _unescaped = new char[Math.Max(text.Length, 2 * _unescaped.Length)];
        }

        int length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            _unescaped[length++] = text[i];
            i += text[i] == '"' ? 1 : 0;
        }

        return _unescaped.AsSpan(0, length);
    }

    /// <summary>From the row's start.</summary>
    private readonly record struct Field(int From, int To, bool Escaped);
}

/// <summary>Text that is no CSV.</summary>
/// <param name="line">One-based, of the row.</param>
internal sealed class CsvException(int line, string problem) : Exception(problem)
{
    public int Line => line;
}
