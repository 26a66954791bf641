using System.Runtime.InteropServices;

namespace Lockstep.Data;

/// <summary>Access to the rows of a store, in any order, without copying them. It keeps the store mapped until it is disposed, also where the store is disposed meanwhile.</summary>
internal readonly unsafe ref struct RowReader
{
    private readonly RowStore _store;
    private readonly SafeBuffer _mapping;
    private readonly byte* _first;
    private readonly int _rowBytes;

    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public RowReader(RowStore store, SafeBuffer mapping, int rowBytes)
    {
        _store = store;
        _mapping = mapping;
        _rowBytes = rowBytes;
        mapping.AcquirePointer(ref _first);
    }

    /// <summary>One row: features, then from the store's <see cref="RowStore.LabelOffset"/> on labels.</summary>
    /// <param name="row">0 … Format.Rows − 1; not checked.</param>
    /// <exception cref="InvalidDataException">It is not what was written.</exception>
    public ReadOnlySpan<byte> this[long row] => Rows(row, 1);

    /// <summary>Rows that follow each other.</summary>
    /// <param name="row">The first; not checked.</param>
    /// <exception cref="InvalidDataException">They are not what was written.</exception>
    public ReadOnlySpan<byte> Rows(long row, int count)
    {
        _store.Compare(_first, row * _rowBytes, (long)count * _rowBytes);
        return new(_first + (row * _rowBytes), count * _rowBytes);
    }

    public void Dispose() => _mapping.ReleasePointer();
}
