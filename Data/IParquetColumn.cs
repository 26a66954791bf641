using Parquet;

namespace Lockstep.Data;

/// <summary>A column of one row group.</summary>
internal interface IParquetColumn
{
    /// <summary>Reads the values of a row group.</summary>
    Task LoadAsync(ParquetRowGroupReader group, int rows);

    /// <summary>A value as text; empty where there is none. Valid until the next one is asked for.</summary>
    /// <param name="row">Of the group.</param>
    ReadOnlySpan<char> Text(int row);
}
