using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Lockstep.Data;

/// <summary>What a row store's bytes should be, block by block: a hash of each, which stands behind the rows, and what of them was compared so far. Safe for several threads.</summary>
internal sealed class RowSums
{
    /// <summary>Small enough that a row anywhere costs a process little when it is first read, and large enough that the hashes of a large store are few.</summary>
    private const int BlockBytes = 1 << 17;

    private readonly ulong[] _sums;
    private readonly long _length;
    private readonly int[] _compared;

    /// <param name="sums">By block.</param>
    /// <param name="length">Of all rows, in bytes.</param>
    public RowSums(ulong[] sums, long length)
    {
        (_sums, _length) = (sums, length);
        _compared = new int[(sums.Length + 31) / 32];
    }

    /// <summary>Bytes of the hashes of so many bytes of rows.</summary>
    public static long BytesFor(long length) => (length + BlockBytes - 1) / BlockBytes * sizeof(ulong);

    /// <summary>One hash of all hashes.</summary>
    public static ulong Of(ReadOnlySpan<ulong> sums) => XxHash3.HashToUInt64(MemoryMarshal.AsBytes(sums));

    /// <summary>Compares the blocks of some bytes with what they should be, once each.</summary>
    /// <param name="rows">The first byte of all.</param>
    /// <param name="offset">Of the first byte that is about to be read.</param>
    /// <returns>False: they are not what was written.</returns>
    public unsafe bool Compare(byte* rows, long offset, long count)
    {
        for (long block = offset / BlockBytes; block <= (offset + count - 1) / BlockBytes; block++)
        {
            int bit = 1 << (int)(block % 32);
            ref int word = ref _compared[block / 32];
            if ((Volatile.Read(ref word) & bit) != 0)
            {
                continue;
            }

            long first = block * BlockBytes;
            if (XxHash3.HashToUInt64(new ReadOnlySpan<byte>(rows + first, (int)Math.Min(BlockBytes, _length - first))) != _sums[block])
            {
                return false;
            }

            Interlocked.Or(ref word, bit);
        }

        return true;
    }

    /// <summary>Compares all rows, in order, as they are read.</summary>
    public Reading Begin() => new(_sums);

    /// <summary>Hashes bytes that follow each other, block by block.</summary>
    private sealed class Blocks(Action<ulong> ended)
    {
        private readonly XxHash3 _hash = new();
        private int _inBlock;

        public void Add(ReadOnlySpan<byte> bytes)
        {
            while (bytes.Length > 0)
            {
                int part = Math.Min(bytes.Length, BlockBytes - _inBlock);
                _hash.Append(bytes[..part]);
                _inBlock += part;
                bytes = bytes[part..];
                if (_inBlock == BlockBytes)
                {
                    Finish();
                }
            }
        }

        public void Finish()
        {
            if (_inBlock > 0)
            {
                ended(_hash.GetCurrentHashAsUInt64());
                Reset();
            }
        }

        public void Reset()
        {
            _hash.Reset();
            _inBlock = 0;
        }
    }

    /// <summary>All rows, in order, while they are read.</summary>
    public sealed class Reading
    {
        private readonly Blocks _blocks;
        private int _block;

        public Reading(ulong[] sums) => _blocks = new(sum => IsGood &= sum == sums[_block++]);

        /// <value>Whether all blocks so far are what was written.</value>
        public bool IsGood { get; private set; } = true;

        public void Add(ReadOnlySpan<byte> bytes) => _blocks.Add(bytes);

        /// <summary>After the last.</summary>
        public void Finish() => _blocks.Finish();
    }

    /// <summary>Takes rows on their way into a file, and writes the hashes behind them.</summary>
    public sealed class Writer : Stream
    {
        private readonly Stream _file;
        private readonly List<ulong> _sums = [];
        private readonly Blocks _blocks;

        public Writer(Stream file)
        {
            _file = file;
            _blocks = new(_sums.Add);
        }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _file.Length;

        public override long Position
        {
            get => _file.Position;
            set => throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _file.Write(buffer);
            _blocks.Add(buffer);
        }

        /// <summary>Begins again.</summary>
        /// <param name="value">0.</param>
        public override void SetLength(long value)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(value, 0);
            _file.SetLength(0);
            _file.Position = 0;
            _sums.Clear();
            _blocks.Reset();
        }

        /// <summary>Writes the hashes.</summary>
        /// <returns>One of all.</returns>
        public ulong Finish()
        {
            _blocks.Finish();
            ReadOnlySpan<ulong> sums = CollectionsMarshal.AsSpan(_sums);
            _file.Write(MemoryMarshal.AsBytes(sums));
            return Of(sums);
        }

        public override void Flush() => _file.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    }
}
