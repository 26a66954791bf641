using Lockstep.Core.Protocol;

namespace Lockstep.Core.Tests.Exploration;

/// <summary>Memory for versions of a shard that workers read when they load them: it may hold another one by then.</summary>
internal sealed class ExploredRoom(int elements) : IVersionRoom
{
    public Memory<float> Values { get; } = new float[elements];

    /// <value>Null: it is being overwritten.</value>
    public Cursor? Holds { get; private set; }

    public void Withdraw() => Holds = null;

    public void Publish(Cursor version) => Holds = version;

    public void Dispose()
    {
    }
}
