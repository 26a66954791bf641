using System.Net;

namespace Lockstep.Engine.Processes;

/// <summary>
/// Redis, the scheduler, the parameter servers and the workers of one run as child processes on this machine. They watch this process and end when it is gone;
/// what is left of them is ended when the fleet is disposed.
/// </summary>
public sealed class LocalFleet : IAsyncDisposable
{
    private const int PortAttempts = 4;

    /// <summary>A Ctrl-C reaches the children too, and they may end before this process hears of it.</summary>
    private static readonly TimeSpan InterruptGrace = TimeSpan.FromMilliseconds(400);

    private static readonly string[] PortTakenTexts = ["address already in use", "AddressInUse", "Failed to bind"];

    private readonly FleetOptions _options;
    private readonly FleetPlan _plan;
    private readonly TimeProvider _time;
    private readonly List<(PlannedProcess Plan, ChildProcess Child)> _children = [];
    private readonly CancellationTokenSource _stopping = new();
    private int _stopped;

    private LocalFleet(FleetOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
        _plan = new FleetPlan(options);
    }

    /// <value>Address of the scheduler's HTTP API.</value>
    public Uri Scheduler => _plan.Scheduler;

    public string RedisConnection => _plan.RedisConnection;

    public IReadOnlyList<FleetProcess> Processes => [.. _children.Select(c => new FleetProcess(c.Child.Name, c.Child.Id, c.Child.LogPath))];

    /// <value>Fails with a <see cref="FleetException"/> when a process ends by itself; never completes otherwise.</value>
    public Task Broken { get; private set; } = Task.CompletedTask;

    /// <summary>Starts all processes at once and waits until each is ready. Where another program took a port meanwhile, they are started again on others.</summary>
    /// <exception cref="FleetException">A process did not start, ended, or was not ready in time; the message shows the end of its log.</exception>
    public static async Task<LocalFleet> StartAsync(FleetOptions options, TimeProvider time, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            var fleet = new LocalFleet(options, time);
            try
            {
                await fleet.StartAllAsync(cancellation);
                return fleet;
            }
            catch (Exception exception)
            {
                await fleet.DisposeAsync();
                if (exception is not FleetException { PortTaken: true } || attempt == PortAttempts)
                {
                    throw;
                }
            }
        }
    }

    /// <summary>Asks all processes to end, workers first and Redis last, and ends those that take too long.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync();
        ChildProcess[] redis = [.. _children.Where(c => c.Plan.Health is null).Select(c => c.Child)];
        ChildProcess[] services = [.. _children.Select(c => c.Child).Except(redis).Reverse()];
        await EndAsync(services);
        await EndAsync(redis);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach ((_, ChildProcess child) in _children)
        {
            child.Dispose();
        }

        _children.Clear();
    }

    private async Task StartAllAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(_options.LogDirectory);
        foreach (PlannedProcess planned in _plan.Processes)
        {
            _children.Add((planned, ChildProcess.Start(planned.Name, planned.Start, Path.Combine(_options.LogDirectory, planned.Name + ".log"))));
        }

        Broken = Task.WhenAny(_children.Select(c => WatchAsync(c.Child))).Unwrap();
        // Nobody may be waiting when it fails after the end.
        _ = Broken.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(5) };
        Task ready = Task.WhenAll(_children.Where(c => c.Plan.Health is not null).Select(c => WaitReadyAsync(http, c.Plan.Health!, c.Child, stop.Token)));
        try
        {
            await await Task.WhenAny(ready, Broken);
        }
        finally
        {
            await stop.CancelAsync();
            await ready.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WatchAsync(ChildProcess child)
    {
        int code = await child.Exited;
        await Task.Delay(InterruptGrace, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_stopping.IsCancellationRequested)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, CancellationToken.None);
        }

        string tail = child.Tail();
        throw new FleetException($"{child.Name} ended with exit code {code}. Its log, {child.LogPath}, ends:{Environment.NewLine}{tail}")
        {
            PortTaken = PortTakenTexts.Any(text => tail.Contains(text, StringComparison.OrdinalIgnoreCase)),
        };
    }

    private async Task WaitReadyAsync(HttpClient http, Uri health, ChildProcess child, CancellationToken cancellation)
    {
        long start = _time.GetTimestamp();
        string last = "it did not answer";
        for (TimeSpan pause = TimeSpan.FromMilliseconds(40); ; pause = pause < TimeSpan.FromMilliseconds(250) ? pause * 1.2 : pause)
        {
            try
            {
                using HttpResponseMessage answer = await http.GetAsync(health, cancellation);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return;
                }

                last = $"{health} answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellation)}";
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException && !cancellation.IsCancellationRequested)
            {
                // It does not listen yet.
            }

            if (_time.GetElapsedTime(start) > _options.StartTimeout)
            {
                throw new FleetException($"{child.Name} was not ready after {_options.StartTimeout.TotalSeconds:0} s: {last}. Its log, {child.LogPath}, ends:{Environment.NewLine}{child.Tail()}");
            }

            await Task.Delay(pause, _time, cancellation);
        }
    }

    private async Task EndAsync(ChildProcess[] children)
    {
        foreach (ChildProcess child in children)
        {
            child.Terminate();
        }

        Task all = Task.WhenAll(children.Select(c => c.Exited));
        if (await Task.WhenAny(all, Task.Delay(_options.StopTimeout, _time, CancellationToken.None)) != all)
        {
            foreach (ChildProcess child in children)
            {
                child.Kill();
            }
        }

        await all;
    }
}
