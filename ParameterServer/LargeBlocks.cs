using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Lockstep.ParameterServer;

/// <summary>Buffers of the HTTP server in blocks of 64 KiB. Its own have 4 KiB, and as a socket is read into one block at a time, a contribution of 25 MB took 6,000 system calls.</summary>
internal sealed class LargeBlocks : IMemoryPoolFactory<byte>
{
    private const int BlockBytes = 64 << 10;

    /// <summary>Blocks that are kept when nobody uses them: 64 MiB.</summary>
    private const int Kept = 1024;

    private readonly ConcurrentQueue<Block> _free = [];

    /// <summary>All pools share the blocks: the server makes one a thread of its sockets.</summary>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool(this);

    private Block Rent() => _free.TryDequeue(out Block? block) ? block : new Block(this);

    private void Return(Block block)
    {
        if (_free.Count < Kept)
        {
            _free.Enqueue(block);
        }
    }

    private sealed class Pool(LargeBlocks blocks) : MemoryPool<byte>
    {
        public override int MaxBufferSize => BlockBytes;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
            return blocks.Rent();
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    private sealed class Block(LargeBlocks blocks) : IMemoryOwner<byte>
    {
        // Pinned, as sockets read into it all the time.
        public Memory<byte> Memory { get; } = MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true), 0, BlockBytes);

        public void Dispose() => blocks.Return(this);
    }
}
