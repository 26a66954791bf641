using System.Globalization;
using System.Runtime.InteropServices;

namespace Lockstep.Overhead;

/// <summary>Keeps two fleets on a core each and has them change places every second, so that a core that is slower than the other costs both the same.</summary>
internal sealed partial class CoreSwap : IAsyncDisposable
{
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _end = new();
    private readonly Task _running;

    /// <param name="first">Process ids of a fleet, as they are at the time; so the other.</param>
    public CoreSwap(Func<IReadOnlyList<int>> first, Func<IReadOnlyList<int>> second) => _running = RunAsync(first, second);

    /// <value>Whether there are two cores, on a system that can be told who runs where.</value>
    public static bool IsPossible => OperatingSystem.IsLinux() && Environment.ProcessorCount > 1;

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    private async Task RunAsync(Func<IReadOnlyList<int>> first, Func<IReadOnlyList<int>> second)
    {
        using var turns = new PeriodicTimer(Turn);
        for (int turn = 0; await turns.WaitForNextTickAsync(_end.Token); turn ^= 1)
        {
            Pin(first(), turn);
            Pin(second(), turn ^ 1);
        }
    }

    private static void Pin(IReadOnlyList<int> processes, int core)
    {
        ulong mask = 1UL << core;
        foreach (int id in processes)
        {
            foreach (int thread in Threads(id))
            {
                // A thread that has just ended is no matter.
                _ = SetAffinity(thread, sizeof(ulong), in mask);
            }
        }
    }

    private static int[] Threads(int process)
    {
        try
        {
            return [.. Directory.EnumerateDirectories($"/proc/{process}/task").Select(task => int.Parse(Path.GetFileName(task), CultureInfo.InvariantCulture))];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nuint size, in ulong mask);
}
