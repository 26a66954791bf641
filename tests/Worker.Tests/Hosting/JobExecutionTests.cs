using Lockstep.Worker.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Hosting;

public sealed class JobExecutionTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly TaskCompletionSource _ended = new();
    private readonly CancellationTokenSource _drain = new();
    private readonly CancellationTokenSource _abort = new();

    [Fact]
    public async Task A_job_that_ends_when_it_is_drained_is_not_broken_off()
    {
        Task left = Job().LeaveAsync();
        Assert.True(_drain.IsCancellationRequested);
        CancellationToken abort = _abort.Token;
        _ended.SetResult();
        await left;
        // It was told so on the way out, when there was nothing left to break off.
        Assert.True(abort.IsCancellationRequested);
    }

    [Fact]
    public async Task A_job_that_takes_too_long_is_broken_off_and_one_that_hangs_then_fails_the_worker()
    {
        DateTimeOffset started = _time.GetUtcNow();
        var aborted = new TaskCompletionSource<TimeSpan>();
        using CancellationTokenRegistration told = _abort.Token.Register(() => aborted.TrySetResult(_time.GetUtcNow() - started));
        Task left = Job().LeaveAsync();
        while (!left.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.InRange(await aborted.Task, TimeSpan.FromSeconds(5), TimeSpan.MaxValue);
        Assert.InRange(_time.GetUtcNow() - started, TimeSpan.FromSeconds(35), TimeSpan.MaxValue);
        Assert.Contains("Job the-job was called off and has not ended 35 s after", (await Assert.ThrowsAsync<TimeoutException>(() => left)).Message, StringComparison.Ordinal);
    }

    private JobExecution Job() => new("the-job", _ended.Task, _drain, _abort, _time);
}
