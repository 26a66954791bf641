namespace Lockstep.Core.Protocol;

/// <summary>The values and hints of one version. Pulls read it while the next version is computed elsewhere; the last one to let go gives the memory back.</summary>
internal sealed class VersionBuffer(float[] values, short[] hints, Action<VersionBuffer> giveBack)
{
    private int _users;

    public float[] Values { get; } = values;
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
internal sealed class VersionBuffers(int elements, int blocks)
{
    private readonly System.Collections.Concurrent.ConcurrentBag<VersionBuffer> _free = [];

    public VersionBuffer Rent() => (_free.TryTake(out VersionBuffer? buffer) ? buffer : new(GC.AllocateUninitializedArray<float>(elements), new short[blocks], _free.Add)).Use();
}
