using Grpc.Core;
using Lockstep.Core.Protocol;
using Lockstep.Transport.Grpc;

namespace Lockstep.Transport.Tests;

public sealed class RetryTests
{
    private readonly ImmediateTime _time = new();
    private readonly MemoryLogger _log = new();

    [Fact]
    public async Task Repeats_broken_calls_with_growing_pauses()
    {
        int calls = 0;
        int result = await Retry().RunAsync(_ => ++calls <= 20 ? throw Failure(StatusCode.Unavailable) : Task.FromResult(7), TestContext.Current.CancellationToken);

        Assert.Equal((7, 21), (result, calls));
        Assert.Equal(20, _time.Delays.Count);
        double[] full = [50, 100, 200, .. Enumerable.Repeat(400.0, 17)];
        Assert.All(_time.Delays.Zip(full), pair => Assert.InRange(pair.First.TotalMilliseconds, pair.Second / 2, pair.Second));
        Assert.True(_time.Delays.Skip(4).Distinct().Count() > 1, "The pauses are spread out.");
    }

    [Fact]
    public async Task Says_once_that_a_server_is_away_and_that_it_is_back()
    {
        int calls = 0;
        await Retry().RunAsync(_ => ++calls <= 5 ? throw Failure(StatusCode.Unavailable) : Task.FromResult(7), TestContext.Current.CancellationToken);

        Assert.Equal(2, _log.Messages.Count);
        Assert.Contains("the server does not answer", _log.Messages[0], StringComparison.Ordinal);
        Assert.Contains("the server answers again after 5 failed tries", _log.Messages[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Does_not_repeat_what_does_not_fit_the_job()
    {
        int calls = 0;
        var exception = await Assert.ThrowsAsync<ProtocolException>(() => Retry().RunAsync<int>(_ =>
        {
            calls++;
            throw ProtocolErrors.ToRpc(new ProtocolException(ProtocolError.Conflict, "other bits"));
        }, TestContext.Current.CancellationToken));

        Assert.Equal((1, ProtocolError.Conflict, "other bits"), (calls, exception.Error, exception.Message));
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument, 1)]
    [InlineData(StatusCode.Unimplemented, 1)]
    [InlineData(StatusCode.PermissionDenied, 1)]
    [InlineData(StatusCode.ResourceExhausted, 1)]
    [InlineData(StatusCode.Unknown, 8)]
    [InlineData(StatusCode.Internal, 8)]
    public async Task Gives_up_on_a_server_that_cannot(StatusCode status, int tries)
    {
        int calls = 0;
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => Retry().RunAsync<int>(_ =>
        {
            calls++;
            throw Failure(status);
        }, TestContext.Current.CancellationToken));

        Assert.Equal(tries, calls);
        Assert.Contains("the server", exception.Message, StringComparison.Ordinal);
        Assert.Contains("why", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gives_up_on_a_server_that_answers_and_fails_each_time()
    {
        Retry.BackOff backOff = Retry().Begin();
        for (int i = 0; i < 7; i++)
        {
            backOff.Answered();
            await backOff.WaitAsync(Failure(StatusCode.Unknown), TestContext.Current.CancellationToken);
        }

        backOff.Answered();
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => backOff.WaitAsync(Failure(StatusCode.Unknown), TestContext.Current.CancellationToken));
        Assert.Equal("the server answers and then fails, 8 times without progress, at last with Unknown, why Its log may say more.", exception.Message);
        Assert.True(_time.Delays.Last() > TimeSpan.FromMilliseconds(100), "The pauses grow.");
    }

    [Fact]
    public async Task Progress_gives_a_server_all_its_tries_again()
    {
        Retry.BackOff backOff = Retry().Begin();
        for (int i = 0; i < 20; i++)
        {
            backOff.Succeeded();
            await backOff.WaitAsync(Failure(StatusCode.Unknown), TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Cancelling_ends_a_pause()
    {
        using var cancellation = new CancellationTokenSource();
        var frozen = new FrozenTime();
        Task<int> call = new Retry("the server", frozen).RunAsync<int>(_ => throw Failure(StatusCode.Unavailable), cancellation.Token);
        await frozen.Waiting.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(call.IsCompleted);

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }

    [Fact]
    public async Task Who_is_leaving_ends_its_calls_and_repeats_none()
    {
        using var leave = new CancellationTokenSource();
        var retry = new Retry("the server", _time, _log, leave.Token);
        await leave.CancelAsync();

        Assert.Equal(7, await retry.RunAsync(_ => Task.FromResult(7), TestContext.Current.CancellationToken));
        int calls = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => retry.RunAsync<int>(_ =>
        {
            calls++;
            throw Failure(StatusCode.Unavailable);
        }, TestContext.Current.CancellationToken));
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task A_call_that_fails_because_it_was_cancelled_is_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Retry().RunAsync<int>(async _ =>
        {
            await cancellation.CancelAsync();
            throw Failure(StatusCode.Cancelled);
        }, cancellation.Token));
    }

    private Retry Retry() => new("the server", _time, _log);

    private static RpcException Failure(StatusCode code) => new(new Status(code, "why"));

    private sealed class FrozenTime : TimeProvider
    {
        public TaskCompletionSource Waiting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waiting.TrySetResult();
            return System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
