using System.Globalization;
using System.Text;
using Lockstep.Contracts;
using Lockstep.Contracts.Formats;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>The rows of a CSV file, with the line that each begins at. Empty lines are passed over.</summary>
internal sealed class CsvRows : TableRows
{
    private const int LongestRow = 1 << 24;

    private readonly Encoding _encoding;
    private readonly CsvText _text;
    private bool _atFirst;

    /// <param name="progress">Is told how far the file is read.</param>
    /// <exception cref="InputException">The file cannot be opened or is empty.</exception>
    public CsvRows(string path, DataSpec spec, IProgress<DataProgress>? progress = null) : base(path)
    {
        _encoding = TextEncodings.Required(path, spec.Encoding);
        _text = new CsvText(TextReading.Open(SourceFile.Open(path, progress), _encoding), spec.Delimiter, LongestRow);
        try
        {
            if (!ReadFilled())
            {
                throw new InputException(path, 0, "The file is empty.", "Give a file with data.");
            }
        }
        catch
        {
            _text.Dispose();
            throw;
        }

        // A column without a name is called by its index.
        Names = [.. Enumerable.Range(0, _text.FieldCount).Select(i => spec.Header && this[i] is { Length: > 0 } name ? name.ToString() : i.ToString(CultureInfo.InvariantCulture))];
        _atFirst = !spec.Header;
    }

    /// <value>Of the columns; their indexes where the file has no header.</value>
    public override string[] Names { get; }

    public override int Line => _text.Line;

    /// <summary>Goes to the next row that has as many fields as the first line; others are faults.</summary>
    /// <exception cref="InputException">What comes cannot be read as CSV.</exception>
    public override bool Read(TableFaults faults)
    {
        while (_atFirst || ReadFilled())
        {
            _atFirst = false;
            int fields = _text.FieldCount;
            if (fields == Names.Length)
            {
                return true;
            }

            faults.Add(this, -1, "fields", "", _ => $"The row has {Amount.Of(fields, "field")}, the first line {Names.Length}.", "Every row needs the same columns; check the delimiter and quotes.");
        }

        return false;
    }

    public override ReadOnlySpan<char> this[int column] => _text[column].Trim();

    protected override void Dispose(bool disposing) => _text.Dispose();

    /// <summary>Goes to the next line that is not empty.</summary>
    private bool ReadFilled()
    {
        try
        {
            while (_text.Read())
            {
                // In a file of one column an empty line is one all the same, not a missing value: as editors leave it at the end.
                if (_text.FieldCount > 1 || !_text[0].IsWhiteSpace())
                {
                    return true;
                }
            }

            return false;
        }
        catch (CsvException exception)
        {
            throw new InputException(Path, exception.Line, $"The row cannot be read as CSV: {exception.Message}.", "Correct the quotes and delimiters of that row.");
        }
        catch (DecoderFallbackException)
        {
            using Stream file = SourceFile.Open(Path);
            throw InvalidText.Find(Path, file, _encoding, "set 'data.encoding: {0}', or save the file as UTF-8");
        }
    }
}
