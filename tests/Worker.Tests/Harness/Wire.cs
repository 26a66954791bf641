using Lockstep.Core.Protocol;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>What travels between a worker and a shard.</summary>
internal enum MessageKind
{
    Open = 1,
    Initialize = 2,
    /// <summary>The stream begins.</summary>
    Connect = 3,
    Progress = 4,
    Evaluation = 5,
    Idle = 6,
    Leaving = 7,
    /// <summary>The head of a contribution.</summary>
    Contribution = 8,
    Chunk = 9,
    Turn = 10,
    Grant = 11,
    Revoke = 12,
    Answer = 13,
    Over = 14,
}

/// <param name="Slots">Of a contribution, a grant, a revoke.</param>
/// <param name="Index">Of a chunk.</param>
internal readonly record struct Message(MessageKind Kind, string Worker, int Shard, Cursor Cursor, IReadOnlyList<int> Slots, int Index = 0);

/// <summary>What happens to messages on their way: nothing, delays, losses.</summary>
internal interface IWire
{
    /// <summary>Before a message takes effect.</summary>
    Task BeforeAsync(Message message, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>After it took effect.</summary>
    Task AfterAsync(Message message, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Whether the stream breaks in place of a message; the worker opens another.</summary>
    bool Breaks(Message message) => false;
}

internal sealed class QuietWire : IWire;

/// <summary>Random delays before every message.</summary>
/// <param name="sent">Is told each message that took effect; null: nobody is.</param>
internal sealed class DelayingWire(int seed, Action<Message>? sent = null) : IWire
{
    private readonly Random _random = new(seed);

    public Task AfterAsync(Message message, CancellationToken cancellation)
    {
        sent?.Invoke(message);
        return Task.CompletedTask;
    }

    public async Task BeforeAsync(Message message, CancellationToken cancellation)
    {
        int choice;
        lock (_random)
        {
            choice = _random.Next(100);
        }

        if (choice < 4)
        {
            await Task.Delay(1, cancellation);
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

/// <summary>The stream broke.</summary>
internal sealed class BrokenException() : Exception("The stream broke.");
