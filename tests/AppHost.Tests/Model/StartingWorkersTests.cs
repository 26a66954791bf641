using System.Collections.Immutable;
using Aspire.Hosting.ApplicationModel;
using Lockstep.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.AppHost.Tests;

/// <summary>How a worker's row reads from the start of its process to its first answer. The orchestrator's and the health checks' reports are made up.</summary>
public sealed class StartingWorkersTests : IAsyncLifetime
{
    private const string Worker = "worker-1";

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private AppModel? _app;
    private IHostedService? _starting;

    private DateTime Now => _time.GetUtcNow().UtcDateTime;

    private ResourceNotificationService Notifications => _app!.Services.GetRequiredService<ResourceNotificationService>();

    public async ValueTask InitializeAsync()
    {
        _app = await AppModel.RunAsync(builder => builder.Services.AddSingleton<TimeProvider>(_time));
        _starting = _app.Services.GetServices<IHostedService>().Single(service => service is StartingWorkers);
        await _starting.StartAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _starting!.StopAsync(CancellationToken.None);
        await _app!.DisposeAsync();
    }

    [Fact]
    public async Task It_is_starting_until_it_is_ready_and_unhealthy_only_afterwards()
    {
        DateTime process = Now;
        await RunningAsync(process);
        await ShowsAsync(KnownResourceStates.Starting, null);
        // The orchestrator tells of it again.
        await RunningAsync(process);
        await ShowsAsync(KnownResourceStates.Starting, null);
        _time.Advance(TimeSpan.FromSeconds(2));
        await ReportedAsync(HealthStatus.Unhealthy);
        await ShowsAsync(KnownResourceStates.Starting, null);
        await ReportedAsync(HealthStatus.Healthy);
        await ShowsAsync(KnownResourceStates.Running, HealthStatus.Healthy);
        await ReportedAsync(HealthStatus.Unhealthy);
        await ShowsAsync(KnownResourceStates.Running, HealthStatus.Unhealthy);
    }

    [Fact]
    public async Task Its_next_process_is_starting_again_whatever_the_one_before_was()
    {
        await RunningAsync(Now);
        _time.Advance(TimeSpan.FromSeconds(2));
        await ReportedAsync(HealthStatus.Healthy);
        await ShowsAsync(KnownResourceStates.Running, HealthStatus.Healthy);
        _time.Advance(TimeSpan.FromSeconds(2));
        await RunningAsync(Now);
        await ShowsAsync(KnownResourceStates.Starting, null);
    }

    [Fact]
    public async Task One_that_is_not_ready_for_long_is_unhealthy()
    {
        await RunningAsync(Now);
        await ShowsAsync(KnownResourceStates.Starting, null);
        _time.Advance(TimeSpan.FromMinutes(2));
        await ReportedAsync(HealthStatus.Unhealthy);
        await ShowsAsync(KnownResourceStates.Running, HealthStatus.Unhealthy);
    }

    [Fact]
    public async Task What_the_orchestrator_is_still_starting_stays_so()
    {
        await ReportedAsync(HealthStatus.Healthy);
        await ChangeAsync(snapshot => snapshot with { State = KnownResourceStates.Starting, StartTimeStamp = Now });
        await RunningAsync(Now);
        await ShowsAsync(KnownResourceStates.Starting, null);
    }

    private Task RunningAsync(DateTime start) => ChangeAsync(snapshot => snapshot with { State = KnownResourceStates.Running, StartTimeStamp = start });

    private Task ReportedAsync(HealthStatus status) => ChangeAsync(snapshot =>
    {
        // Aspire alone may set it.
        CustomResourceSnapshot reported = snapshot with { };
        typeof(CustomResourceSnapshot).GetProperty(nameof(CustomResourceSnapshot.HealthReports))!.SetValue(reported, ImmutableArray.Create(new HealthReportSnapshot("ready", status, null, null) { LastRunAt = Now }));
        return reported;
    });

    private Task ChangeAsync(Func<CustomResourceSnapshot, CustomResourceSnapshot> change) => Notifications.PublishUpdateAsync(_app!.Project(Worker), change);

    private async Task ShowsAsync(string state, HealthStatus? health) =>
        await Notifications.WaitForResourceAsync(Worker, now => now.Snapshot.State?.Text == state && now.Snapshot.HealthStatus == health, TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
}
