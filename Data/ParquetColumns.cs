using System.Globalization;
using Parquet;
using Parquet.Schema;

namespace Lockstep.Data;

/// <summary>Columns of Parquet by their types.</summary>
internal static class ParquetColumns
{
    /// <returns>Null: its values are no texts and no numbers.</returns>
    public static IParquetColumn? Of(DataField field) => field.ClrType == typeof(ReadOnlyMemory<char>) ? new Texts(field) : Type.GetTypeCode(field.ClrType) switch
    {
        TypeCode.Boolean => new Values<bool>(field, (value, text) => Put(value ? 1 : 0, text)),
        TypeCode.SByte => new Values<sbyte>(field, Put),
        TypeCode.Byte => new Values<byte>(field, Put),
        TypeCode.Int16 => new Values<short>(field, Put),
        TypeCode.UInt16 => new Values<ushort>(field, Put),
        TypeCode.Int32 => new Values<int>(field, Put),
        TypeCode.UInt32 => new Values<uint>(field, Put),
        TypeCode.Int64 => new Values<long>(field, Put),
        TypeCode.UInt64 => new Values<ulong>(field, Put),
        // The number itself, not the shortest text that is rounded to it.
        TypeCode.Single => new Values<float>(field, (value, text) => Put((double)value, text)),
        TypeCode.Double => new Values<double>(field, Put),
        TypeCode.Decimal => new Values<decimal>(field, Put),
        TypeCode.DateTime => new Values<DateTime>(field, Put),
        TypeCode.String => new Texts(field),
        _ => null,
    };

    private static int Put<T>(T value, Span<char> text)
        where T : ISpanFormattable
    {
        ReadOnlySpan<char> format = value is DateTime ? "O" : "";
        return value.TryFormat(text, out int length, format, CultureInfo.InvariantCulture) ? length : throw new InvalidDataException($"A value of {typeof(T).Name} takes more than {text.Length} characters.");
    }

    private sealed class Values<T>(DataField field, Func<T, Span<char>, int> put) : IParquetColumn
        where T : struct
    {
        private const int Longest = 64;

        private readonly char[] _text = new char[Longest];
        private T[] _values = [];
        private T?[] _mayBe = [];

        public async Task LoadAsync(ParquetRowGroupReader group, int rows)
        {
            if (field.IsNullable)
            {
                _mayBe = new T?[rows];
                await group.ReadAsync<T>(field, _mayBe.AsMemory());
                return;
            }

            _values = new T[rows];
            await group.ReadAsync<T>(field, _values.AsMemory());
        }

        public ReadOnlySpan<char> Text(int row)
        {
            T? value = field.IsNullable ? _mayBe[row] : _values[row];
            return value is { } known ? _text.AsSpan(0, put(known, _text)) : [];
        }
    }

    private sealed class Texts(DataField field) : IParquetColumn
    {
        private string?[] _values = [];

        public async Task LoadAsync(ParquetRowGroupReader group, int rows)
        {
            _values = new string?[rows];
            await group.ReadAsync(field, _values.AsMemory()!);
        }

        public ReadOnlySpan<char> Text(int row) => _values[row];
    }
}
