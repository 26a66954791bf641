using Lockstep.Contracts;
using Lockstep.Contracts.Jobs;

namespace Lockstep.Data;

/// <summary>The rows of one file of a table, each a text a column, with the place of each.</summary>
internal abstract class TableRows(string path) : IDisposable
{
    /// <value>Of the columns.</value>
    public abstract string[] Names { get; }

    public string Path => path;

    /// <value>Zero-based, among the files of the data set.</value>
    public int File { get; init; }

    /// <value>One-based, of the row read last: the line that it begins at, or, where the file has none, its number.</value>
    public abstract int Line { get; }

    /// <summary>A field of the row, without the spaces around it; empty where there is no value. Valid until the next one is asked for.</summary>
    public abstract ReadOnlySpan<char> this[int column] { get; }

    /// <summary>Goes to the next row; what no row can be is a fault, and passed over.</summary>
    /// <exception cref="InputException">What comes cannot be read.</exception>
    public abstract bool Read(TableFaults faults);

    /// <summary>Says which columns will be asked for.</summary>
    /// <exception cref="InputException">One holds what is no single value.</exception>
    public virtual void Need(IEnumerable<int> columns)
    {
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens a file of a job's format.</summary>
    /// <param name="file">Zero-based, among the files of the data set.</param>
    /// <param name="progress">Is told how far the file is read.</param>
    /// <exception cref="InputException">The file cannot be opened, is empty, or is of another kind.</exception>
    public static TableRows Open(string path, DataSpec spec, int file = 0, IProgress<DataProgress>? progress = null) => spec.Format switch
    {
        DataFormat.JsonLines => new JsonRows(path, namesAll: spec.Features.Count == 0, progress) { File = file },
        DataFormat.Parquet => new ParquetRows(path, progress) { File = file },
        _ => new CsvRows(path, spec, progress) { File = file },
    };

    protected abstract void Dispose(bool disposing);
}
