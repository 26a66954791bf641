using System.Buffers;
using Google.Protobuf;

namespace Lockstep.Transport.Grpc;

/// <summary>
/// A message that carries numbers in bulk. On the wire it is protobuf: 1 header (message), 2 index (varint), 3 integers (packed sfixed32), 4 floats (packed float),
/// 5 escapes (packed sfixed32), 6 exponents (bytes), 7 to 9 a place (varints), 10 packed integers (bytes), 11 floats as bfloat16 (bytes), 12 hints (bytes: int16, little-endian), which is what InitializeMessage, WorkerFrame and ShardFrame declare.
/// </summary>
/// <remarks>A frame that was read owns pooled memory until it is disposed; a frame to be written refers to its maker's.</remarks>
public sealed class TensorFrame : IDisposable
{
    private byte[]? _widths;
    private int[]? _pooledIntegers;
    private float[]? _pooledFloats;
    private int[]? _pooledEscapes;
    private byte[]? _pooledExponents;
    private short[]? _pooledHints;
    private byte[]? _pooledHeader;

    /// <value>To be written; null: none.</value>
    public IMessage? Header { get; set; }

    /// <value>As read; empty: none.</value>
    public ReadOnlyMemory<byte> HeaderBytes { get; private set; }

    public int Index { get; set; }
    public ReadOnlyMemory<int> Integers
    {
        get;
        set
        {
            field = value;
            _widths = null;
        }
    }

    /// <value>To be written: the integers go in as many bits as they need.</value>
    public bool IsNarrow { get; init; }
    public ReadOnlyMemory<float> Floats { get; set; }
    /// <value>To be written: the floats are rounded to bfloat16 and take half as much. As read: they were.</value>
    public bool IsRounded { get; set; }
    public ReadOnlySequence<int> Escapes { get; set; }
    public ReadOnlyMemory<byte> Exponents { get; set; }
    public ReadOnlyMemory<short> Hints { get; set; }

    /// <value>Where the integers or floats are, if not here; region 0: they are here.</value>
    public Place Place { get; set; }

    /// <summary>The width of each piece of the integers (<see cref="Lockstep.Core.Codec.IntegerPacking"/>).</summary>
    internal ReadOnlySpan<byte> Widths => _widths ??= PackedIntegers.Measure(Integers.Span);

    /// <summary>Gives pooled memory back and empties the frame: another one may be read into it.</summary>
    public void Dispose()
    {
        HeaderBytes = default;
        Index = 0;
        Place = default;
        Hints = default;
        Integers = default;
        Floats = default;
        IsRounded = false;
        Escapes = default;
        Exponents = default;
        GiveBack(ref _pooledIntegers);
        GiveBack(ref _pooledFloats);
        GiveBack(ref _pooledEscapes);
        GiveBack(ref _pooledExponents);
        GiveBack(ref _pooledHints);
        GiveBack(ref _pooledHeader);
    }

    /// <summary>Pooled room for bytes of the header after those there are.</summary>
    internal Span<byte> AppendHeader(int count)
    {
        int have = HeaderBytes.Length;
        _pooledHeader = Grow(_pooledHeader, have, count);
        HeaderBytes = _pooledHeader.AsMemory(0, have + count);
        return _pooledHeader.AsSpan(have, count);
    }

    /// <summary>Pooled room for hints in place of those there are.</summary>
    internal Span<short> ReplaceHints(int count)
    {
        _pooledHints = Grow(_pooledHints, 0, count);
        Hints = _pooledHints.AsMemory(0, count);
        return _pooledHints.AsSpan(0, count);
    }

    /// <summary>Pooled room for integers after those there are.</summary>
    internal Span<int> AppendIntegers(int count)
    {
        int have = Integers.Length;
        _pooledIntegers = Grow(_pooledIntegers, have, count);
        Integers = _pooledIntegers.AsMemory(0, have + count);
        return _pooledIntegers.AsSpan(have, count);
    }

    internal Span<float> AppendFloats(int count)
    {
        int have = Floats.Length;
        _pooledFloats = Grow(_pooledFloats, have, count);
        Floats = _pooledFloats.AsMemory(0, have + count);
        return _pooledFloats.AsSpan(have, count);
    }

    internal Span<int> AppendEscapes(int count)
    {
        int have = (int)Escapes.Length;
        _pooledEscapes = Grow(_pooledEscapes, have, count);
        Escapes = new ReadOnlySequence<int>(_pooledEscapes, 0, have + count);
        return _pooledEscapes.AsSpan(have, count);
    }

    internal Span<byte> AppendExponents(int count)
    {
        int have = Exponents.Length;
        _pooledExponents = Grow(_pooledExponents, have, count);
        Exponents = _pooledExponents.AsMemory(0, have + count);
        return _pooledExponents.AsSpan(have, count);
    }

    private static void GiveBack<T>(ref T[]? pooled)
    {
        if (Interlocked.Exchange(ref pooled, null) is { } array)
        {
            ArrayPool<T>.Shared.Return(array);
        }
    }

    private static T[] Grow<T>(T[]? old, int have, int more)
    {
        if (old is not null && old.Length >= have + more)
        {
            return old;
        }

        T[] grown = ArrayPool<T>.Shared.Rent(Math.Max(have + more, old is null ? 0 : 2 * have));
        if (old is not null)
        {
            old.AsSpan(0, have).CopyTo(grown);
            ArrayPool<T>.Shared.Return(old);
        }

        return grown;
    }
}

/// <summary>Numbers in memory that both ends of a stream have mapped.</summary>
/// <param name="Region">The sender's number of it.</param>
/// <param name="Offset">Of the first number.</param>
public readonly record struct Place(int Region, int Offset, int Count);
