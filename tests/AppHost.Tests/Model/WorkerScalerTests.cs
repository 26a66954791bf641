using Lockstep.Hosting;
using System.Threading.Channels;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Eventing;
using Aspire.Hosting.Testing;
using Lockstep.Contracts.Services;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.AppHost.Tests;

/// <summary>The service that makes the number of workers follow the scheduler. The orchestrator's start and stop commands are replaced by ones that only change the state.</summary>
public sealed class WorkerScalerTests
{
    [Fact]
    public async Task Workers_follow_what_the_scheduler_wants()
    {
        await using var fixture = await Fixture.StartAsync("""{"desired":3,"reason":"two jobs wait"}""");
        // One is there from the start.
        Assert.Equal(["start worker-1", "start worker-2"], await fixture.NextAsync(2));
        fixture.Scheduler.Answer = """{"desired":1,"reason":"one job left"}""";
        Assert.Equal(["stop worker-1", "stop worker-2"], await fixture.NextAsync(2));
        // It was told, and did not ask again.
        FakeScheduler.Call call = Assert.Single(fixture.Questions);
        Assert.Equal(("GET", SchedulerRoutes.FleetEvents, "the key"), (call.Method, call.Path, call.Key));
    }

    [Fact]
    public async Task The_minimum_stays_when_none_is_wanted_and_the_maximum_when_more_are()
    {
        await using var fixture = await Fixture.StartAsync("""{"desired":50,"reason":"a person said so"}""");
        Assert.Equal(["start worker-1", "start worker-2", "start worker-3"], await fixture.NextAsync(3));
        fixture.Scheduler.Answer = """{"desired":0,"reason":"nothing to do"}""";
        Assert.Equal(["stop worker-1", "stop worker-2", "stop worker-3"], await fixture.NextAsync(3));
    }

    [Fact]
    public async Task Workers_stay_as_they_are_while_the_scheduler_gives_no_answer()
    {
        await using var fixture = await Fixture.StartAsync("""{"desired":2,"reason":""}""");
        Assert.Equal(["start worker-1"], await fixture.NextAsync(1));
        fixture.Scheduler.Status = 500;
        await fixture.AskedAgainAsync(3);
        Assert.Equal(0, fixture.Pending);
        fixture.Scheduler.Status = 200;
        fixture.Scheduler.Answer = """{"desired":3,"reason":""}""";
        Assert.Equal(["start worker-2"], await fixture.NextAsync(1));
    }

    [Fact]
    public async Task A_worker_that_ends_by_itself_is_left_alone_for_a_while_and_another_started()
    {
        await using var fixture = await Fixture.StartAsync("""{"desired":2,"reason":""}""");
        Assert.Equal(["start worker-1"], await fixture.NextAsync(1));
        await fixture.SetStateAsync("worker-1", KnownResourceStates.Exited);
        Assert.Equal(["start worker-2"], await fixture.NextAsync(1));
    }

    [Fact]
    public async Task A_worker_that_the_orchestrator_lost_sight_of_is_replaced_and_those_that_run_are_not_stopped_for_it()
    {
        await using var fixture = await Fixture.StartAsync("""{"desired":3,"reason":""}""");
        Assert.Equal(["start worker-1", "start worker-2"], await fixture.NextAsync(2));
        await fixture.SetStateAsync("worker-2", "Unknown");
        Assert.Equal(["start worker-3"], await fixture.NextAsync(1));
        fixture.Scheduler.Answer = """{"desired":2,"reason":""}""";
        Assert.Equal(["stop worker-3"], await fixture.NextAsync(1));
    }

    [Fact]
    public async Task A_worker_that_takes_its_time_to_stop_keeps_no_other_from_starting()
    {
        await using var fixture = await Fixture.StartAsync("""{"desired":3,"reason":""}""");
        Assert.Equal(["start worker-1", "start worker-2"], await fixture.NextAsync(2));
        var drained = new TaskCompletionSource();
        fixture.Drained = drained.Task;
        fixture.Scheduler.Answer = """{"desired":2,"reason":""}""";
        Assert.Equal(["stop worker-2"], await fixture.NextAsync(1));
        // It still runs, for all that is known, and is neither stopped again nor counted.
        await fixture.LookAsync(3);
        Assert.Equal(0, fixture.Pending);
        fixture.Scheduler.Answer = """{"desired":3,"reason":""}""";
        Assert.Equal(["start worker-3"], await fixture.NextAsync(1));
        drained.SetResult();
        await fixture.LookAsync(3);
        fixture.Scheduler.Answer = """{"desired":2,"reason":""}""";
        Assert.Equal(["stop worker-3"], await fixture.NextAsync(1));
    }

    [Fact]
    public async Task The_worker_without_a_job_is_the_first_to_stop()
    {
        await using var fixture = await Fixture.StartAsync("""{"desired":3,"reason":""}""");
        Assert.Equal(["start worker-1", "start worker-2"], await fixture.NextAsync(2));
        fixture.Scheduler.Answer = """{"desired":2,"reason":"","idle":["worker-1"]}""";
        Assert.Equal(["stop worker-1"], await fixture.NextAsync(1));
    }

    private sealed class Fixture : IAsyncDisposable
    {
        private readonly AppModel _app;
        private readonly LookTime _time;
        private readonly Channel<string> _commands;
        private readonly IHostedService _scaler;
        private readonly IHostedService _watch;
        private readonly IHostedService _health;

        private Fixture(AppModel app, FakeScheduler scheduler, LookTime time, Channel<string> commands)
        {
            _app = app;
            Scheduler = scheduler;
            _time = time;
            _commands = commands;
            _scaler = Service("WorkerScaler");
            _watch = Service("FleetWatch");
            // Aspire's own, which asks the scheduler whether it is healthy.
            _health = Service("ResourceHealthCheckService");
        }

        public FakeScheduler Scheduler { get; }

        /// <value>What a worker that is asked to stop has to do before.</value>
        public Task Drained { get; set; } = Task.CompletedTask;

        /// <value>What the scheduler was asked, but for its health.</value>
        public IEnumerable<FakeScheduler.Call> Questions => Scheduler.Calls.Where(c => c.Path is not SchedulerRoutes.Health and not SchedulerRoutes.Alive);

        public int Pending => _commands.Reader.Count;

        public static async Task<Fixture> StartAsync(string wanted)
        {
            FakeScheduler scheduler = await FakeScheduler.StartAsync(answer: wanted);
            var time = new LookTime();
            var commands = Channel.CreateUnbounded<string>();
            Fixture? fixture = null;
            AppModel app = await AppModel.RunAsync(builder =>
            {
                builder.Services.AddSingleton<TimeProvider>(time);
                foreach (ProjectResource worker in builder.Resources.OfType<ProjectResource>().Where(r => r.Name.StartsWith("worker-", StringComparison.Ordinal)))
                {
                    IResourceBuilder<ProjectResource> resource = builder.CreateResourceBuilder(worker);
                    Replace(resource, KnownResourceCommands.StartCommand, KnownResourceStates.Running, commands.Writer, () => Task.CompletedTask);
                    Replace(resource, KnownResourceCommands.StopCommand, KnownResourceStates.Finished, commands.Writer, () => fixture?.Drained ?? Task.CompletedTask);
                }
            }, "--Parameters:api-key", "the key");
            ProjectResource original = app.Project("scheduler");
            scheduler.TakeThePlaceOf(original);
            await app.Services.GetRequiredService<IDistributedApplicationEventing>().PublishAsync(new ResourceEndpointsAllocatedEvent(original, app.Services), TestContext.Current.CancellationToken);
            fixture = new Fixture(app, scheduler, time, commands);
            await fixture.SetStateAsync("worker-0", KnownResourceStates.Running);
            foreach (string name in new[] { "worker-1", "worker-2", "worker-3" })
            {
                await fixture.SetStateAsync(name, KnownResourceStates.NotStarted);
            }

            await fixture._health.StartAsync(TestContext.Current.CancellationToken);
            await fixture._watch.StartAsync(TestContext.Current.CancellationToken);
            await fixture._scaler.StartAsync(TestContext.Current.CancellationToken);
            Assert.Empty(fixture.Questions);
            // Only now is there somebody to ask.
            await fixture.SetStateAsync("scheduler", KnownResourceStates.Running);
            return fixture;
        }

        /// <summary>The next commands, in the order of their names: they are given at once.</summary>
        public async Task<IReadOnlyList<string>> NextAsync(int count)
        {
            var commands = new List<string>();
            while (commands.Count < count)
            {
                // Some come of a look at the workers, some of what the scheduler says after a pause.
                await Waiting.UntilAsync(
                    () =>
                    {
                        _time.Look();
                        _time.EndPauses();
                        return Task.FromResult(Pending > 0);
                    },
                    () => $"a command. The scheduler was asked {Questions.Count()} times, {Scheduler.Calls.Count} with its health; {Describe()}");
                commands.Add(await _commands.Reader.ReadAsync(TestContext.Current.CancellationToken));
            }

            Assert.Equal(0, Pending);
            return [.. commands.Order(StringComparer.Ordinal)];
        }

        public Task AskedAgainAsync(int times)
        {
            int until = Questions.Count() + times;
            return Waiting.UntilAsync(
                () =>
                {
                    _time.EndPauses();
                    return Task.FromResult(Questions.Count() >= until);
                },
                () => $"{times} more questions");
        }

        /// <summary>Waits until the scaler has looked at its workers so many times. Of those that it started it asks the time.</summary>
        public async Task LookAsync(int times)
        {
            for (int i = 0; i < times; i++)
            {
                long before = _time.Asked;
                await Waiting.UntilAsync(
                    () =>
                    {
                        _time.Look();
                        return Task.FromResult(_time.Asked > before);
                    },
                    () => "a look at the workers");
            }
        }

        public Task SetStateAsync(string name, string state) =>
            _app.Services.GetRequiredService<ResourceNotificationService>().PublishUpdateAsync(_app.Project(name), snapshot => snapshot with { State = state });

        public async ValueTask DisposeAsync()
        {
            await _scaler.StopAsync(CancellationToken.None);
            await _watch.StopAsync(CancellationToken.None);
            await _health.StopAsync(CancellationToken.None);
            await _app.DisposeAsync();
            await Scheduler.DisposeAsync();
        }

        private string Describe() => string.Join(", ", new[] { "scheduler", "worker-0", "worker-1", "worker-2", "worker-3" }.Select(name =>
            _app.Services.GetRequiredService<ResourceNotificationService>().TryGetCurrentState(name, out ResourceEvent? now) ? $"{name} is {now.Snapshot.State?.Text} and {now.Snapshot.HealthStatus}" : $"{name} is unknown"))
            + $"; scaling ended: {(_scaler as BackgroundService)?.ExecuteTask?.Exception?.ToString() ?? (_scaler as BackgroundService)?.ExecuteTask?.Status.ToString()}";

        private IHostedService Service(string type) => _app.Services.GetServices<IHostedService>().Single(s => s.GetType().Name == type);

        private static void Replace(IResourceBuilder<ProjectResource> worker, string command, string state, ChannelWriter<string> commands, Func<Task> before) =>
            worker.WithCommand(command, command, async context =>
            {
                await commands.WriteAsync($"{command} {worker.Resource.Name}", context.CancellationToken);
                await before();
                await context.Services.GetRequiredService<ResourceNotificationService>().PublishUpdateAsync(worker.Resource, snapshot => snapshot with { State = state });
                return CommandResults.Success();
            });
    }
}
