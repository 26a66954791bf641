namespace Lockstep.Transport.Grpc;

/// <summary>Set once a parameter server that goes down has kept its last checkpoints: calls that only wait end then, so that the process does not stay for them. Who waited asks again, and whoever has the shard's place answers.</summary>
public sealed class WaitsEnd : IDisposable
{
    private readonly CancellationTokenSource _source = new();

    public CancellationToken Token => _source.Token;

    public void Set() => _source.Cancel();

    public void Dispose() => _source.Dispose();
}
