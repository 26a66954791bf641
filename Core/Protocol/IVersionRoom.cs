namespace Lockstep.Core.Protocol;

/// <summary>Memory for the values of versions, one after the other. Memory that other processes read says which version it holds.</summary>
public interface IVersionRoom : IDisposable
{
    Memory<float> Values { get; }

    /// <summary>What it holds is of no use any more: it is about to be overwritten.</summary>
    void Withdraw();

    /// <summary>It holds all values of a version.</summary>
    void Publish(Cursor version);
}

/// <summary>Memory of this process.</summary>
internal sealed class HeapRoom(int elements) : IVersionRoom
{
    public Memory<float> Values { get; } = GC.AllocateUninitializedArray<float>(elements);

    public void Withdraw()
    {
    }

    public void Publish(Cursor version)
    {
    }

    public void Dispose()
    {
    }
}
