using System.Diagnostics;

namespace Lockstep.EndToEnd.Tests.Processes;

/// <summary>Waits for what another process does and nobody tells.</summary>
internal static class Waiting
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <returns>How long it took.</returns>
    public static async Task<TimeSpan> UntilAsync(Func<bool> condition, TimeSpan patience, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < patience, $"Waited {patience.TotalSeconds:0} s for this: {what}");
            await Task.Delay(Pause, TestContext.Current.CancellationToken);
        }

        return watch.Elapsed;
    }
}
