using Lockstep.Contracts;
using Lockstep.Contracts.Runs;
using Lockstep.Contracts.Services;
using Lockstep.Engine.Processes;
using Lockstep.Engine.Runs;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Lockstep.Cli.Views;

/// <summary>A panel on the terminal that is drawn again as the run goes on.</summary>
internal sealed class LiveView : ITrainingView
{
    private const int BarWidth = 40;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly RunCaption _caption;
    private readonly TimeProvider _time;
    private readonly TrainingProgress _progress;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _drawing;
    private string _state;
    private string? _note;

    public LiveView(RunCaption caption, TimeProvider time)
    {
        _caption = caption;
        _state = caption.Setting is null ? "watching" : "starting processes";
        _time = time;
        _progress = new TrainingProgress(time);
        _drawing = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Terminal.Drawing) }).Live(Render()).AutoClear(false).StartAsync(DrawAsync);
    }

    public void Started(RunFolder folder, IReadOnlyList<FleetProcess> processes)
    {
        lock (_gate)
        {
            _state = "opening the data";
        }
    }

    public void Happened(JobEvent item)
    {
        lock (_gate)
        {
            _progress.Take(item);
            _note = item.Note ?? _note;
            _state = item.Status.State.ToString().ToLowerInvariant();
        }
    }

    public void Checking(string progress)
    {
        lock (_gate)
        {
            _state = $"checking {progress}";
        }
    }

    public void Found(string note)
    {
        lock (_gate)
        {
            _note = note;
        }
    }

    public void Happened(FleetEvent item)
    {
        lock (_gate)
        {
            _note = item.ToString();
        }
    }

    public void Close()
    {
        _closed.Cancel();
        _drawing.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        Close();
        _closed.Dispose();
    }

    private async Task DrawAsync(LiveDisplayContext display)
    {
        while (!_closed.IsCancellationRequested)
        {
            display.UpdateTarget(Render());
            await Task.Delay(Interval, _time, _closed.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        display.UpdateTarget(Render());
    }

    private IRenderable Render()
    {
        lock (_gate)
        {
            var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();
            int done = (int)(_progress.Fraction * BarWidth);
            grid.AddRow("progress", $"[green]{new string('━', done)}[/][grey]{new string('━', BarWidth - done)}[/] {_progress.Fraction:P0}");
            if (_progress.Status is { } status)
            {
                grid.AddRow("step", $"{status.Step} of {status.TotalSteps}" + (_progress.Step is { } s ? $", epoch {Texts.Of(s.Epoch)}, rate {Texts.Of(s.LearningRate)}" : ""));
                grid.AddRow("time", $"{Texts.Of(_progress.Elapsed)} gone" + (_progress.Remaining is { } left ? $", {Texts.Of(left)} left" : ""));
                grid.AddRow("loss", Texts.Of(_progress.Loss));
                grid.AddRow("validation", _progress.Evaluation is { } evaluation ? Markup.Escape(Printable.Of(Texts.Of(evaluation.Validation))) + $" [grey]at step {evaluation.Step}[/]" : "[grey]none yet[/]");
                if (_progress.Evaluation?.Best is { Step: { } bestStep, Value: { } value } best)
                {
                    grid.AddRow("best", Markup.Escape(Printable.Of($"{best.Metric} {Texts.Of(value)}")) + $" [grey]at step {bestStep}[/]" + (best.Waited > 0 ? $", not better for {Amount.Of(best.Waited, "evaluation")}" : ""));
                }

                grid.AddRow("workers", $"{status.Workers}" + (_caption.Slots is { } slots ? $", {slots} slots a step" : ""));
                grid.AddRow("samples/s", Texts.Count(_progress.SamplesPerSecond));
                grid.AddRow("step time", Texts.Of(_progress.StepMs) + " [grey]p50 / p95[/]");
                grid.AddRow("sync latency", Texts.Of(_progress.SyncMs) + " [grey]p50 / p95[/]");
            }

            if (_note is not null)
            {
                grid.AddRow("last", Markup.Escape(Printable.Of(_note)));
            }

            return new Panel(grid).Header($" {Markup.Escape(Printable.Of(_caption.Name))} · {Markup.Escape(Printable.Of(_state))} ").Expand();
        }
    }
}
