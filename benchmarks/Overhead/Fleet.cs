using Lockstep.Contracts.Jobs;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;

namespace Lockstep.Overhead;

/// <summary>A fleet that trains until it is ended, and what it takes.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    // More than are ever done.
    private const int Endless = 100_000_000;

    private readonly CancellationTokenSource _end = new();

    /// <param name="beside">What goes on beside the training; null: nothing.</param>
    public Fleet(TrainingOptions options, Func<LocalFleet, CpuMeter, CancellationToken, Task>? beside = null) => Training = TrainingRun.RunAsync(
        options with
        {
            Job = options.Job with { Epochs = null, Steps = Endless },
            Beside = beside is null ? null : (fleet, stop) => beside(fleet, Meter, stop),
        },
        Meter,
        TimeProvider.System,
        _end.Token);

    public CpuMeter Meter { get; } = new();

    /// <value>Over before it is ended only where it failed.</value>
    public Task<TrainingResult> Training { get; }

    public IReadOnlyList<int> ProcessIds => [.. Meter.Processes.Select(process => process.ProcessId)];

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await ((Task)Training).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }
}
