using System.ComponentModel;
using System.Diagnostics;

namespace Lockstep.Benchmarks;

/// <summary>A process that a benchmark starts and reads from. What is left of it and its children is ended with this object.</summary>
public sealed class Subprocess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _errors;

    /// <exception cref="InvalidOperationException">It cannot be started.</exception>
    public Subprocess(ProcessStartInfo start)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException($"{start.FileName} cannot be started: {exception.Message}", exception);
        }

        _errors = _process.StandardError.ReadToEndAsync();
    }

    /// <summary>Runs a program to its end.</summary>
    /// <returns>What it wrote.</returns>
    /// <exception cref="InvalidOperationException">It cannot be started, or fails.</exception>
    public static async Task<string> RunAsync(ProcessStartInfo start, CancellationToken cancellation)
    {
        await using var process = new Subprocess(start);
        return await process.FinishAsync(cancellation);
    }

    /// <returns>Null: it has closed its output.</returns>
    public async Task<string?> ReadLineAsync(CancellationToken cancellation) => await _process.StandardOutput.ReadLineAsync(cancellation);

    public async Task WriteLineAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Reads what is left of its output and waits for its end.</summary>
    /// <exception cref="InvalidOperationException">It fails.</exception>
    public async Task<string> FinishAsync(CancellationToken cancellation)
    {
        string text = await _process.StandardOutput.ReadToEndAsync(cancellation);
        await WaitAsync(cancellation);
        return text;
    }

    /// <exception cref="InvalidOperationException">It fails.</exception>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        await _process.WaitForExitAsync(cancellation);
        if (_process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} ended with {_process.ExitCode}: {(await _errors).Trim()}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}
