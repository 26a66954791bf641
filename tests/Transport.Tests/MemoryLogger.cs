using Microsoft.Extensions.Logging;

namespace Lockstep.Transport.Tests;

/// <summary>Keeps what is logged, and tells when there is something.</summary>
internal sealed class MemoryLogger : ILogger
{
    private readonly Lock _gate = new();
    private readonly List<string> _messages = [];

    /// <value>Done with the first message.</value>
    public TaskCompletionSource First { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public IReadOnlyList<string> Messages
    {
        get
        {
            lock (_gate)
            {
                return [.. _messages];
            }
        }
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_gate)
        {
            _messages.Add(formatter(state, exception));
        }

        First.TrySetResult();
    }
}
