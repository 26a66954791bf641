using System.Globalization;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;
using Sylvan.Data.Csv;

namespace Lockstep.Data;

/// <summary>The rows of a CSV file, with the line that each begins at. Empty lines are passed over.</summary>
internal sealed class CsvRows : IDisposable
{
    private const int LongestRow = 1 << 24;

    private readonly string _path;
    private readonly Encoding _encoding;
    private readonly CsvDataReader _reader;

    /// <exception cref="InputException">The file cannot be opened or is empty.</exception>
    public CsvRows(string path, DataSpec spec)
    {
        _path = path;
        _encoding = TextEncodings.Find(spec.Encoding) ?? throw new InputException(path, 0, $"There is no encoding '{spec.Encoding}'.", $"Set 'data.encoding' to one such as {TextEncodings.Examples}.");
        StreamReader text = TextReading.Open(SourceFile.Open(path), _encoding);
        try
        {
            _reader = CsvDataReader.Create(text, new CsvDataReaderOptions
            {
                HasHeaders = spec.Header,
                Delimiter = spec.Delimiter,
                // A row that begins with '#' is a row.
                Comment = '\0',
                ResultSetMode = ResultSetMode.SingleResult,
                BufferSize = 1 << 16,
                MaxBufferSize = LongestRow,
                OwnsReader = true,
            });
        }
        catch (CsvMissingHeadersException)
        {
            text.Dispose();
            throw Empty();
        }
        catch (CsvFormatException exception)
        {
            text.Dispose();
            throw Malformed(exception, 1);
        }
        catch (DecoderFallbackException)
        {
            text.Dispose();
            throw NoText();
        }
        catch
        {
            text.Dispose();
            throw;
        }

        if (_reader.FieldCount == 0)
        {
            _reader.Dispose();
            throw Empty();
        }

        string[] names = [.. Enumerable.Range(0, _reader.FieldCount).Select(i => spec.Header ? _reader.GetName(i) : i.ToString(CultureInfo.InvariantCulture))];
        _next = spec.Header ? 2 + names.Sum(n => n.Count(c => c == '\n')) : 1;
        Names = [.. names.Select(n => n.Trim())];
    }

    private int _next;

    /// <value>Of the columns; their indexes where the file has no header.</value>
    public string[] Names { get; }

    /// <value>One-based, of the row read last.</value>
    public int Line { get; private set; }

    /// <summary>Goes to the next row that has as many fields as the first line; others are faults.</summary>
    /// <exception cref="InputException">What comes cannot be read as CSV.</exception>
    public bool Read(CsvFaults faults)
    {
        try
        {
            while (_reader.Read())
            {
                Line = _next;
                _next += 1 + LineBreaks();
                if (_reader.RowFieldCount == Names.Length)
                {
                    return true;
                }

                if (_reader.RowFieldCount != 1 || !_reader.GetFieldSpan(0).IsWhiteSpace())
                {
                    int fields = _reader.RowFieldCount;
                    faults.Add(-1, "fields", Line, "", _ => $"The row has {Amount.Of(fields, "field")}, the first line {Names.Length}.", _ => "Every row needs the same columns; check the delimiter and quotes.");
                }
            }

            return false;
        }
        catch (CsvFormatException exception)
        {
            throw Malformed(exception, _next);
        }
        catch (DecoderFallbackException)
        {
            throw NoText();
        }
    }

    /// <summary>A field of the row, without the spaces around it.</summary>
    public ReadOnlySpan<char> this[int column] => _reader.GetFieldSpan(column).Trim();

    public void Dispose() => _reader.Dispose();

    private int LineBreaks() => _reader.GetRawRecordSpan().TrimEnd("\r\n").Count('\n');

    private InputException Empty() => new(_path, 0, "The file is empty.", "Give a file with data.");

    private InputException NoText()
    {
        using Stream file = SourceFile.Open(_path);
        return InvalidText.Find(_path, file, _encoding, "set 'data.encoding: {0}', or save the file as UTF-8");
    }

    private InputException Malformed(CsvFormatException exception, int line) => exception is CsvRecordTooLargeException
        ? new InputException(_path, line, $"The row is longer than {LongestRow} characters.", "Check for a quote that is not closed.")
        : new InputException(_path, line, $"The row cannot be read as CSV: {exception.Message}", "Correct the quotes and delimiters of that row.");
}
