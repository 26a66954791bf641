namespace Lockstep.Core.Protocol;

/// <summary>The values of one version. Pulls read it while the next version is computed elsewhere; the last one to let go gives the memory back.</summary>
internal sealed class VersionBuffer(float[] values, Action<float[]> giveBack)
{
    private int _users = 1;

    public float[] Values { get; } = values;

    public VersionBuffer Use()
    {
        Interlocked.Increment(ref _users);
        return this;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            giveBack(Values);
        }
    }
}

/// <summary>Arrays of one length, reused. As many exist as versions were in use at once.</summary>
internal sealed class VersionBuffers(int length)
{
    private readonly System.Collections.Concurrent.ConcurrentBag<float[]> _free = [];

    public VersionBuffer Rent() => new(_free.TryTake(out var values) ? values : GC.AllocateUninitializedArray<float>(length), _free.Add);
}
