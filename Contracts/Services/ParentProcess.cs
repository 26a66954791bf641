using System.Diagnostics;
using System.Globalization;

namespace Lockstep.Contracts.Services;

/// <summary>The process that launched this one.</summary>
public static class ParentProcess
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Waits until the process is gone, however it ended; at once where there is none.</summary>
    /// <param name="id">Its process id as text.</param>
    public static async Task WaitGoneAsync(string id, TimeProvider time, CancellationToken cancellation)
    {
        if (!int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int process))
        {
            return;
        }

        if (!OperatingSystem.IsLinux())
        {
            await WaitExitAsync(process, cancellation);
            return;
        }

        // A process that nobody reaped still has its number: its state tells. Its start tells it from another that got the number later.
        string? start = StartOf(process);
        while (start is not null && StartOf(process) == start)
        {
            await Task.Delay(Pause, time, cancellation);
        }
    }

    /// <returns>The time of its start in clock ticks; null where it ended.</returns>
    private static string? StartOf(int process)
    {
        try
        {
            // The name in parentheses may hold anything; the fields after it are state (the first) and start (the twentieth).
            string text = File.ReadAllText($"/proc/{process}/stat");
            string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : fields[19];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static async Task WaitExitAsync(int id, CancellationToken cancellation)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            await process.WaitForExitAsync(cancellation);
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // There is no such process any more.
        }
    }
}
