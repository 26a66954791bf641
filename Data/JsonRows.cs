using System.Text;
using System.Text.Json;
using Lockstep.Contracts;

namespace Lockstep.Data;

/// <summary>The rows of a file with an object of JSON a line. The first one's keys are the columns; a key that a line lacks is no value. Empty lines are passed over.</summary>
internal sealed class JsonRows : TableRows
{
    private const int Fault = -1;

    private readonly JsonLine _lines;
    private readonly bool _namesAll;
    private readonly string[] _names;
    private readonly byte[][] _keys;
    private readonly (int Start, int Length)[] _fields;
    private char[] _text = new char[256];
    private int _used;
    private bool _atFirst = true;

    /// <param name="namesAll">Whether a key that the first line lacks is a fault.</param>
    /// <param name="progress">Is told how far the file is read.</param>
    /// <exception cref="InputException">The file cannot be opened, is empty, or begins with no object.</exception>
    public JsonRows(string path, bool namesAll, IProgress<DataProgress>? progress = null) : base(path)
    {
        _namesAll = namesAll;
        _lines = new JsonLine(path, progress);
        try
        {
            if (!_lines.Read())
            {
                throw new InputException(path, 0, "The file is empty.", "Give a file with data.");
            }

            _names = Guarded(() => NamesOf(_lines.Current));
        }
        catch
        {
            _lines.Dispose();
            throw;
        }

        _keys = [.. _names.Select(Encoding.UTF8.GetBytes)];
        _fields = new (int, int)[_names.Length];
    }

    public override string[] Names => _names;

    public override int Line => _lines.Line;

    public override ReadOnlySpan<char> this[int column] => _text.AsSpan(_fields[column].Start, _fields[column].Length).Trim();

    public override bool Read(TableFaults faults)
    {
        while (_atFirst || _lines.Read())
        {
            _atFirst = false;
            Array.Clear(_fields);
            _used = 0;
            if (Guarded(() => Take(faults)))
            {
                return true;
            }
        }

        return false;
    }

    protected override void Dispose(bool disposing) => _lines.Dispose();

    private static string[] NamesOf(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        var names = new List<string>();
        Begin(ref reader);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            names.Add(reader.GetString()!);
            reader.Skip();
        }

        return [.. names];
    }

    private static void Begin(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("It is no object.");
        }
    }

    /// <summary>Takes the values of the line.</summary>
    /// <returns>False: there was a fault.</returns>
    private bool Take(TableFaults faults)
    {
        var reader = new Utf8JsonReader(_lines.Current);
        Begin(ref reader);
        bool good = true;
        int next = 0;
        Span<bool> seen = _names.Length <= 256 ? stackalloc bool[_names.Length] : new bool[_names.Length];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // Lines mostly have their keys in one order.
            int at = next < _keys.Length && reader.ValueTextEquals(_keys[next]) ? next : IndexOf(ref reader);
            string? unknown = at < 0 && _namesAll ? reader.GetString() : null;
            reader.Read();
            if (at < 0)
            {
                good &= unknown is null;
                if (unknown is not null)
                {
                    faults.Add(this, Fault, "key", unknown, shown => $"The key {shown} is none of the first line's.", "Give the first line all keys, with null where there is no value, or name the columns that are used in 'features'.");
                }
            }
            else if (seen[at])
            {
                good = false;
                faults.Add(this, at, "twice", _names[at], shown => $"The key {shown} is there twice.", "Keep one.");
            }
            else
            {
                seen[at] = true;
                next = at + 1;
                good &= TakeValue(ref reader, at, faults);
            }

            reader.Skip();
        }

        return !reader.Read() && good;
    }

    private bool TakeValue(ref Utf8JsonReader reader, int column, TableFaults faults)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return true;
            case JsonTokenType.True or JsonTokenType.False:
                Put(column, reader.TokenType == JsonTokenType.True ? "1" : "0");
                return true;
            case JsonTokenType.Number:
                Room(reader.ValueSpan.Length);
                _fields[column] = (_used, Encoding.ASCII.GetChars(reader.ValueSpan, _text.AsSpan(_used)));
                break;
            case JsonTokenType.String:
                Room(reader.ValueSpan.Length);
                _fields[column] = (_used, reader.CopyString(_text.AsSpan(_used)));
                break;
            default:
                string what = reader.TokenType == JsonTokenType.StartArray ? "a list" : "an object";
                faults.Add(this, column, "nested", "", _ => $"The key '{_names[column]}' holds {what}, which is no single value.", "Write each of its values under a key of its own, or leave it out by 'exclude'.");
                return false;
        }

        _used += _fields[column].Length;
        return true;
    }

    private void Put(int column, string text)
    {
        Room(text.Length);
        text.CopyTo(_text.AsSpan(_used));
        _fields[column] = (_used, text.Length);
        _used += text.Length;
    }

    private void Room(int more)
    {
        if (_used + more > _text.Length)
        {
            Array.Resize(ref _text, Math.Max(_used + more, 2 * _text.Length));
        }
    }

    private int IndexOf(ref Utf8JsonReader reader)
    {
        for (int i = 0; i < _keys.Length; i++)
        {
            if (reader.ValueTextEquals(_keys[i]))
            {
                return i;
            }
        }

        return -1;
    }

    private T Guarded<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (JsonException exception)
        {
            throw new InputException(Path, _lines.Line, $"The line is no object of JSON: {exception.Message.Split(" LineNumber:")[0].TrimEnd('.')}.", "Write one object a line, such as {\"a\": 1, \"b\": \"x\"}.");
        }
        catch (InvalidOperationException)
        {
            // Bytes of a text that are none, or half of a surrogate pair.
            throw new InputException(Path, _lines.Line, "A text of the line is no UTF-8.", "Save the file as UTF-8.");
        }
    }
}
