using System.Globalization;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;
using Sylvan.Data.Csv;

namespace Lockstep.Data;

/// <summary>The rows of a CSV file, with the line that each begins at. Empty lines are passed over.</summary>
internal sealed class CsvRows : IDisposable
{
    private const int LongestRow = 1 << 24;

    private readonly string _path;
    private readonly CsvDataReader _reader;

    /// <exception cref="InputException">The file cannot be opened or is empty.</exception>
    public CsvRows(string path, DataSpec spec)
    {
        _path = path;
        var text = new StreamReader(SourceFile.Open(path), Encoding.UTF8);
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

    /// <summary>Goes to the next row.</summary>
    /// <exception cref="InputException">It is malformed, or has another number of fields than the first line.</exception>
    public bool Read()
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
                    throw new InputException(_path, Line, $"The row has {Fields(_reader.RowFieldCount)}, the first line {Names.Length}.", "Every row needs the same columns; check the delimiter and quotes.");
                }
            }

            return false;
        }
        catch (CsvFormatException exception)
        {
            throw Malformed(exception, _next);
        }
    }

    /// <summary>A field of the row, without the spaces around it.</summary>
    public ReadOnlySpan<char> this[int column] => _reader.GetFieldSpan(column).Trim();

    public void Dispose() => _reader.Dispose();

    private int LineBreaks() => _reader.GetRawRecordSpan().TrimEnd("\r\n").Count('\n');

    private static string Fields(int count) => count == 1 ? "1 field" : $"{count} fields";

    private InputException Empty() => new(_path, 0, "The file is empty.", "Give a file with data.");

    private InputException Malformed(CsvFormatException exception, int line) => exception is CsvRecordTooLargeException
        ? new InputException(_path, line, $"The row is longer than {LongestRow} characters.", "Check for a quote that is not closed.")
        : new InputException(_path, line, $"The row cannot be read as CSV: {exception.Message}", "Correct the quotes and delimiters of that row.");
}
