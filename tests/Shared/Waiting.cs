namespace Lockstep.Tests;

/// <summary>Waits for what another process or another thread does and nobody tells. No test may count on how soon that is: the limit ends what hangs.</summary>
internal static class Waiting
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <param name="what">What is waited for.</param>
    public static Task UntilAsync(Func<bool> condition, string what, CancellationToken cancellation = default) => UntilAsync(() => Task.FromResult(condition()), () => what, cancellation);

    /// <param name="what">What is waited for, and how it stands; asked where it did not come.</param>
    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what, CancellationToken cancellation = default)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken, cancellation);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ended.Token);
        patience.CancelAfter(Patience);
        while (!await condition())
        {
            await Task.Delay(Pause, patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ended.Token.ThrowIfCancellationRequested();
            Assert.False(patience.IsCancellationRequested, $"Waited {Patience.TotalMinutes:0} minutes for this: {what()}");
        }
    }

    /// <summary>On a thread that cannot await.</summary>
    public static void Until(Func<bool> condition, string what) => Assert.True(SpinWait.SpinUntil(condition, Patience), $"Waited {Patience.TotalMinutes:0} minutes for this: {what}");
}
