using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Lockstep.Scheduler.Tests.Hosting;

/// <summary>What a service logs.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();

    private TaskCompletionSource _more = New();

    public IReadOnlyList<string> Lines => [.. _lines];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _lines.Enqueue($"{formatter(state, exception)} {exception}");
        Interlocked.Exchange(ref _more, New()).TrySetResult();
    }

    /// <summary>Until a line has a text.</summary>
    public async Task WaitAsync(string text, CancellationToken cancellation)
    {
        while (true)
        {
            Task more = Volatile.Read(ref _more).Task;
            if (Lines.Any(line => line.Contains(text, StringComparison.Ordinal)))
            {
                return;
            }

            await more.WaitAsync(cancellation);
        }
    }

    public void Dispose()
    {
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override string ToString() => string.Join(Environment.NewLine, Lines);
}
