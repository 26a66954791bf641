using Lockstep.Contracts;
using Lockstep.Contracts.Services;
using Lockstep.ServiceDefaults.Health;
using Lockstep.Worker.Loop;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.ServiceDefaults.Tests.Health;

public sealed class HealthTests
{
    [Fact]
    public async Task Health_and_alive_are_mapped_in_production_too()
    {
        await using TestService service = await TestService.StartAsync(TestContext.Current.CancellationToken);

        Assert.Equal((200, "Healthy"), await service.AskAsync("/health", TestContext.Current.CancellationToken));
        Assert.Equal((200, "Healthy"), await service.AskAsync("/alive", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_is_not_ready_is_named_and_leaves_the_process_alive()
    {
        await using TestService service = await TestService.StartAsync(TestContext.Current.CancellationToken,
            services => services.AddHealthChecks().AddCheck("redis", () => HealthCheckResult.Unhealthy("it does not answer")));

        Assert.Equal((503, "Unhealthy\nredis: it does not answer"), await service.AskAsync("/health", TestContext.Current.CancellationToken));
        Assert.Equal(200, (await service.AskAsync("/alive", TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task A_compute_thread_that_hangs_is_not_alive_and_one_that_goes_on_is_again()
    {
        var time = new FakeTimeProvider();
        using var thread = new ComputeThread(time: time);
        await using TestService service = await TestService.StartAsync(TestContext.Current.CancellationToken,
            services => services.AddSingleton<IHangWatched>(thread), (EnvironmentNames.HangTimeout, "60"));
        using var go = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task work = thread.RunAsync(() =>
        {
            begun.SetResult();
            go.Wait(TestContext.Current.CancellationToken);
        });
        await begun.Task.WaitAsync(TestContext.Current.CancellationToken);

        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(200, (await service.AskAsync("/alive", TestContext.Current.CancellationToken)).Status);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((503, "Unhealthy\nhang: The compute thread has been stuck for 60 s."), await service.AskAsync("/alive", TestContext.Current.CancellationToken));

        go.Set();
        await work;
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(200, (await service.AskAsync("/alive", TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task Work_that_may_take_long_does_not_count_as_hung()
    {
        var time = new FakeTimeProvider();
        using var thread = new ComputeThread(time: time);
        using var go = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int> work = thread.RunAsync(() =>
        {
            begun.SetResult();
            go.Wait(TestContext.Current.CancellationToken);
            return 1;
        }, mayTakeLong: true);
        await begun.Task.WaitAsync(TestContext.Current.CancellationToken);
        time.Advance(TimeSpan.FromDays(1));

        Assert.Equal(TimeSpan.Zero, thread.StuckFor());
        go.Set();
        Assert.Equal(1, await work);
    }

    [Fact]
    public void A_lock_that_cannot_be_had_counts_from_the_first_try_that_failed()
    {
        var time = new FakeTimeProvider();
        string[] stuck = [];
        var watch = new LockWatch("The lock of a job", _ => stuck, time);

        Assert.Equal(TimeSpan.Zero, watch.StuckFor());
        stuck = ["a"];
        Assert.Equal(TimeSpan.Zero, watch.StuckFor());
        time.Advance(TimeSpan.FromSeconds(30));
        stuck = ["a", "b"];
        Assert.Equal(TimeSpan.FromSeconds(30), watch.StuckFor());
        time.Advance(TimeSpan.FromSeconds(10));
        stuck = ["b"];
        Assert.Equal(TimeSpan.FromSeconds(10), watch.StuckFor());
        stuck = [];
        Assert.Equal(TimeSpan.Zero, watch.StuckFor());
    }

    [Theory]
    [InlineData("0")]
    [InlineData("soon")]
    public void A_time_out_that_is_none_is_refused_with_a_remedy(string text)
    {
        IConfiguration settings = new ConfigurationBuilder().AddInMemoryCollection([new(EnvironmentNames.HangTimeout, text)]).Build();
        var exception = Assert.Throws<InputException>(() => HangCheck.TimeoutFrom(settings));
        Assert.Contains(EnvironmentNames.HangTimeout, exception.Message, StringComparison.Ordinal);
    }
}
