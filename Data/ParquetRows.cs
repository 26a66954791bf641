using Lockstep.Contracts;
using Parquet;
using Parquet.Schema;

namespace Lockstep.Data;

/// <summary>The rows of a Parquet file, a row group at a time in memory, of the columns that are asked for.</summary>
internal sealed class ParquetRows : TableRows
{
    private readonly Stream _stream;
    private readonly ParquetReader _reader;
    private readonly IReadOnlyList<Field> _fields;
    private readonly IParquetColumn?[] _columns;
    private int _group = -1;
    private long _rowsOfGroup;
    private long _row = -1;
    private long _number;

    /// <param name="progress">Is told how far the file is read.</param>
    /// <exception cref="InputException">The file cannot be opened, or is none of Parquet.</exception>
    public ParquetRows(string path, IProgress<DataProgress>? progress = null) : base(path)
    {
        _stream = SourceFile.OpenSeekable(path, "PAR1"u8, "Parquet", progress);
        try
        {
            _reader = Guarded(() => ParquetReader.CreateAsync(_stream));
            // It is made when it is first asked for.
            _fields = Guarded(() => Task.FromResult(_reader.Schema.Fields));
        }
        catch
        {
            _stream.Dispose();
            throw;
        }

        Names = [.. _fields.Select(field => field.Name)];
        _columns = new IParquetColumn?[Names.Length];
    }

    public override string[] Names { get; }

    /// <value>The row's number.</value>
    public override int Line => (int)Math.Min(_number, int.MaxValue);

    public override ReadOnlySpan<char> this[int column] => _columns[column]!.Text((int)_row).Trim();

    public override void Need(IEnumerable<int> columns)
    {
        foreach (int column in columns)
        {
            _columns[column] ??= _fields[column] is DataField { IsArray: false } field && ParquetColumns.Of(field) is { } read
                ? read
                : throw new InputException(Path, 0, $"Column {Names[column]} holds what is no single value ({Kind(_fields[column])}).", "Write its values as columns of their own, or leave it out by 'exclude'.");
        }
    }

    public override bool Read(TableFaults faults)
    {
        while (++_row >= _rowsOfGroup)
        {
            if (++_group >= _reader.RowGroupCount)
            {
                return false;
            }

            Guarded(LoadAsync);
        }

        _number++;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        _reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _stream.Dispose();
    }

    private static string Kind(Field field) => field is DataField { IsArray: false } data ? data.ClrType.Name : field is DataField ? "lists" : field.SchemaType.ToString();

    private async Task<bool> LoadAsync()
    {
        using ParquetRowGroupReader group = _reader.OpenRowGroupReader(_group);
        _rowsOfGroup = group.RowCount;
        _row = -1;
        if (_rowsOfGroup is < 0 or > int.MaxValue)
        {
            throw new InvalidDataException($"A row group says that it has {_rowsOfGroup} rows.");
        }

        foreach (IParquetColumn column in _columns.OfType<IParquetColumn>())
        {
            await column.LoadAsync(group, (int)_rowsOfGroup);
        }

        return true;
    }

    private T Guarded<T>(Func<Task<T>> read)
    {
        try
        {
            return read().GetAwaiter().GetResult();
        }
        catch (Exception exception) when (exception is not InputException)
        {
            // What a damaged file makes of sizes and offsets ends in an exception of any kind, that of memory as well.
            string where = _group < 0 ? "" : $" in row group {_group + 1} of {_reader.RowGroupCount}";
            throw new InputException(Path, 0, $"The Parquet file is damaged{where}: {exception.Message.Split('\n')[0].Trim().TrimEnd('.')}.", "Write or copy it again.");
        }
    }
}
