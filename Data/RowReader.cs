using System.Runtime.InteropServices;

namespace Lockstep.Data;

/// <summary>Access to the rows of a store, in any order, without copying them. It keeps the store mapped until it is disposed, also where the store is disposed meanwhile.</summary>
internal readonly unsafe ref struct RowReader
{
    private readonly SafeBuffer _mapping;
    private readonly byte* _first;
    private readonly int _rowBytes;

    /// <exception cref="ObjectDisposedException">The store was disposed.</exception>
    public RowReader(SafeBuffer mapping, int rowBytes)
    {
        _mapping = mapping;
        _rowBytes = rowBytes;
        mapping.AcquirePointer(ref _first);
    }

    /// <summary>One row: features, then from the store's <see cref="RowStore.LabelOffset"/> on labels.</summary>
    /// <param name="row">0 … Format.Rows − 1; not checked.</param>
    public ReadOnlySpan<byte> this[long row] => new(_first + (row * _rowBytes), _rowBytes);

    /// <summary>Rows that follow each other.</summary>
    /// <param name="row">The first; not checked.</param>
    public ReadOnlySpan<byte> Rows(long row, int count) => new(_first + (row * _rowBytes), count * _rowBytes);

    public void Dispose() => _mapping.ReleasePointer();
}
