using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>The messages of a worker.</summary>
internal enum MessageKind
{
    Open = 1,
    Initialize = 2,
    Pull = 3,
    PullAt = 4,
    Push = 5,
    Chunk = 6,
    Missing = 7,
    ReportEvaluation = 8,
    WaitEvaluated = 9,
    Advance = 10,
    Complete = 11,
    Pushed = 12,
    Release = 13,
    TakeOver = 14,
}

/// <param name="Shard">−1: to the lease table.</param>
/// <param name="Slots">Of a push.</param>
internal readonly record struct Message(MessageKind Kind, string Worker, int Shard, Cursor Cursor, IReadOnlyList<int> Slots);

/// <summary>What happens to messages on their way: nothing, delays, losses.</summary>
internal interface IWire
{
    /// <summary>Before a message takes effect.</summary>
    Task BeforeAsync(Message message, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>After it took effect, before its answer is there.</summary>
    Task AfterAsync(Message message, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Whether a push is sent once more, as its answer was lost.</summary>
    bool SendsAgain(Message message) => false;
}

internal sealed class QuietWire : IWire;

/// <summary>Random delays before every message and every answer.</summary>
internal sealed class DelayingWire(int seed) : IWire
{
    private readonly Random _random = new(seed);

    public Task BeforeAsync(Message message, CancellationToken cancellation) => DelayAsync();

    public Task AfterAsync(Message message, CancellationToken cancellation) => DelayAsync();

    private async Task DelayAsync()
    {
        int choice;
        lock (_random)
        {
            choice = _random.Next(100);
        }

        if (choice < 4)
        {
            await Task.Delay(1);
            return;
        }

        for (int i = 0; i < choice % 5; i++)
        {
            await Task.Yield();
        }
    }
}

/// <summary>What a test says is to happen, message by message.</summary>
internal sealed class ScriptedWire(Func<Message, CancellationToken, Task>? before = null, Func<Message, CancellationToken, Task>? after = null) : IWire
{
    public Task BeforeAsync(Message message, CancellationToken cancellation) => before?.Invoke(message, cancellation) ?? Task.CompletedTask;

    public Task AfterAsync(Message message, CancellationToken cancellation) => after?.Invoke(message, cancellation) ?? Task.CompletedTask;
}

/// <summary>The process is gone: what it wants to send is not sent.</summary>
internal sealed class KilledException() : Exception("The worker was killed.");
