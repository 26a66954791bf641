using Lockstep.Core.Protocol;

namespace Lockstep.ParameterServer.Steps;

/// <summary>Tells ps-0 how far a shard is: one message at a time, and of what changed meanwhile only the newest.</summary>
/// <param name="tell">Repeats until ps-0 has heard it.</param>
internal sealed class ProgressTeller(Func<ShardProgress, Task> tell)
{
    private readonly Lock _gate = new();
    private ShardProgress? _latest;
    private bool _isTelling;

    public void Tell(ShardProgress progress)
    {
        lock (_gate)
        {
            if (_latest is null || progress.IsAfter(_latest))
            {
                _latest = progress;
            }

            if (_isTelling)
            {
                return;
            }

            _isTelling = true;
        }

        _ = RunAsync();
    }

    private async Task RunAsync()
    {
        while (Next() is { } progress)
        {
            await tell(progress);
        }
    }

    private ShardProgress? Next()
    {
        lock (_gate)
        {
            ShardProgress? next = _latest;
            _latest = null;
            _isTelling = next is not null;
            return next;
        }
    }
}
