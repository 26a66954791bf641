using System.Collections.Concurrent;

namespace Lockstep.Core.Protocol;

/// <summary>The values and hints of one version. Pulls read it while the next version is computed elsewhere; the last one to let go gives the memory back.</summary>
internal sealed class VersionBuffer(IVersionRoom room, short[] hints, Action<VersionBuffer> giveBack)
{
    private int _users;

    public IVersionRoom Room { get; } = room;
    public Memory<float> Values { get; } = room.Values;
    public short[] Hints { get; } = hints;

    public VersionBuffer Use()
    {
        Interlocked.Increment(ref _users);
        return this;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            giveBack(this);
        }
    }
}

/// <summary>Buffers of one size, reused. As many exist as versions were in use at once.</summary>
/// <param name="room">Makes memory for so many values.</param>
internal sealed class VersionBuffers(int elements, int blocks, Func<int, IVersionRoom> room) : IDisposable
{
    private readonly ConcurrentBag<VersionBuffer> _free = [];
    private volatile bool _isOver;

    public VersionBuffer Rent()
    {
        if (!_free.TryTake(out VersionBuffer? buffer))
        {
            buffer = new VersionBuffer(room(elements), new short[blocks], GiveBack);
        }

        buffer.Room.Withdraw();
        return buffer.Use();
    }

    /// <summary>Lets go of the memory; of what is in use still, once it comes back.</summary>
    public void Dispose()
    {
        _isOver = true;
        while (_free.TryTake(out VersionBuffer? buffer))
        {
            buffer.Room.Dispose();
        }
    }

    private void GiveBack(VersionBuffer buffer)
    {
        _free.Add(buffer);
        if (_isOver)
        {
            Dispose();
        }
    }
}
