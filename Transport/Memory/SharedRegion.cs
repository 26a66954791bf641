using System.Buffers;
using System.ComponentModel;
using Lockstep.Core.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Lockstep.Transport.Memory;

/// <summary>
/// Memory that other processes of this host may map and only its maker may write. It is an anonymous file, so that nothing is left behind whoever dies, no limit of a mounted /dev/shm applies,
/// and its seals keep everybody from cutting it under a reader, which would be a bus error.
/// </summary>
internal sealed unsafe class SharedRegion : IDisposable
{
    /// <summary>In front of the numbers, on a page of its own: which version they are.</summary>
    private const int HeadBytes = 4096;

    /// <summary>As many numbers as an array has.</summary>
    private const long MostBytes = (long)int.MaxValue * sizeof(float);

    private static int _numbers;

    private readonly long _bytes;
    private byte* _at;

    private SharedRegion(int number, SafeFileHandle? file, byte* at, long bytes)
    {
        Number = number;
        File = file;
        _at = at;
        _bytes = bytes;
        // The collector sees a handle, and does not know what hangs on it.
        GC.AddMemoryPressure(bytes);
    }

    ~SharedRegion() => Unmap();

    /// <value>Its maker's, once in a process; from 1.</value>
    public int Number { get; }

    /// <value>To be handed to another process; null: another one made it.</value>
    public SafeFileHandle? File { get; }

    /// <value>Bytes of numbers.</value>
    public long Bytes => _bytes - HeadBytes;

    /// <value>The first of the numbers.</value>
    /// <exception cref="ObjectDisposedException">It was let go of.</exception>
    public byte* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_at == null, this);
            return _at + HeadBytes;
        }
    }

    /// <exception cref="Win32Exception">There is no memory for it, or no such memory on this system.</exception>
    public static SharedRegion Create(long bytes)
    {
        bytes += HeadBytes;
        SafeFileHandle file = Libc.CreateFile("lockstep", bytes);
        try
        {
            byte* at = Libc.Map(file, bytes, writes: true);
            var region = new SharedRegion(Interlocked.Increment(ref _numbers), file, at, bytes);
            Libc.Seal(file);
            region.Withdraw();
            return region;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Maps what another process made, to read it.</summary>
    /// <exception cref="ProtocolException">It may become shorter, is shorter than said, or has pages that are not there.</exception>
    /// <exception cref="Win32Exception">There are no addresses left for it.</exception>
    public static SharedRegion Attach(int number, SafeFileHandle file, long bytes)
    {
        using (file)
        {
            if (!Libc.IsSealed(file))
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Region {number} of the shared memory is not sealed.");
            }

            long length = RandomAccess.GetLength(file);
            if (bytes < 0 || length != bytes + HeadBytes)
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Region {number} of the shared memory has {length - HeadBytes} bytes, not {bytes}.");
            }

            if (bytes > MostBytes || !Libc.IsWhole(file, length))
            {
                throw new ProtocolException(ProtocolError.Invalid, $"Region {number} of the shared memory says that it has {bytes} bytes, and they are not all there.");
            }

            return new SharedRegion(number, null, Libc.Map(file, length, writes: false), length);
        }
    }

    /// <summary>As much of it as fits.</summary>
    public Memory<T> Memory<T>() where T : unmanaged => new Manager<T>(this).Memory;

    /// <summary>The region that numbers lie in; null: none.</summary>
    /// <param name="offset">Of the first of them in the region, in numbers.</param>
    public static SharedRegion? Of<T>(ReadOnlyMemory<T> numbers, out int offset) where T : unmanaged =>
        System.Runtime.InteropServices.MemoryMarshal.TryGetMemoryManager(numbers, out Manager<T>? manager, out offset, out _) ? manager.Region : null;

    /// <summary>What it holds is of no use any more.</summary>
    public void Withdraw()
    {
        Volatile.Write(ref Head[0], -1);
        // No store that follows may be seen before this one.
        Interlocked.MemoryBarrier();
    }

    /// <summary>It holds a version whole.</summary>
    public void Publish(Cursor version)
    {
        Head[1] = version.Generation;
        Volatile.Write(ref Head[0], version.Step);
    }

    /// <summary>Whether it holds a version; to be asked before its numbers are read and again behind that.</summary>
    public bool Holds(Cursor version)
    {
        // No load of before may be done after this one.
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref Head[0]) == version.Step && Volatile.Read(ref Head[1]) == version.Generation;
    }

    /// <summary>Lets go of it. Nobody may still read or write it.</summary>
    public void Dispose()
    {
        Unmap();
        GC.SuppressFinalize(this);
    }

    private long* Head
    {
        get
        {
            ObjectDisposedException.ThrowIf(_at == null, this);
            return (long*)_at;
        }
    }

    private void Unmap()
    {
        if (_at != null)
        {
            Libc.Unmap(_at, _bytes);
            _at = null;
            File?.Dispose();
            GC.RemoveMemoryPressure(_bytes);
        }
    }

    private sealed class Manager<T>(SharedRegion region) : MemoryManager<T> where T : unmanaged
    {
        public SharedRegion Region { get; } = region;

        public override Span<T> GetSpan() => new(Region.Data, (int)(Region.Bytes / sizeof(T)));

        public override MemoryHandle Pin(int elementIndex = 0) => new((T*)Region.Data + elementIndex, default, this);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
