using System.Globalization;
using Lockstep.Contracts.Services;

namespace Lockstep.Engine.Processes;

/// <summary>
/// Redis, the scheduler, the parameter servers and the workers as child processes on this machine. What ends by itself is started again; the number of workers may change at any time.
/// They watch this process and end when it is gone; what is left of them is ended when the fleet is disposed.
/// </summary>
public sealed class LocalFleet : IAsyncDisposable
{
    private const int PortAttempts = 4;

    /// <summary>How long workers may take to end once the parameter servers are gone: the slot in hand, and what telemetry is left.</summary>
    private static readonly TimeSpan WorkersGrace = TimeSpan.FromSeconds(4);

    /// <summary>How long a worker may take to leave: as long as published ones may.</summary>
    private static readonly TimeSpan LeaveTimeout = TimeSpan.FromSeconds(120);

    private readonly FleetOptions _options;
    private readonly FleetState _fleet;
    private readonly FleetSupervision _supervision;
    private readonly Readiness _readiness = new();
    private int _stopped;

    private LocalFleet(FleetOptions options, TimeProvider time)
    {
        _options = options;
        _fleet = new FleetState(options, time);
        _supervision = new FleetSupervision(_fleet);
    }

    /// <value>Address of the scheduler's HTTP API.</value>
    public Uri Scheduler => _fleet.Plan.Scheduler;

    public string RedisConnection => _fleet.Plan.RedisConnection;

    /// <value>gRPC addresses of the parameter servers, by index.</value>
    public IReadOnlyList<Uri> Shards => _fleet.Plan.Shards;

    /// <value>What authenticates gRPC calls to them.</value>
    public string Secret => _fleet.Plan.Secret;

    public IReadOnlyList<FleetProcess> Processes
    {
        get
        {
            lock (_fleet.Gate)
            {
                return [.. _fleet.Members.Values.Where(m => !m.Child.Exited.IsCompleted).Select(m => new FleetProcess(m.Plan.Name, m.Child.Id, m.Child.LogPath))];
            }
        }
    }

    /// <value>Workers that are up and were not asked to end.</value>
    public int Workers
    {
        get
        {
            lock (_fleet.Gate)
            {
                return _fleet.Members.Values.Count(m => m.IsWorker && !m.IsLeaving);
            }
        }
    }

    /// <value>Fails with a <see cref="FleetException"/> when a process does not stay up; never completes otherwise.</value>
    public Task Broken => _fleet.Broken;

    /// <summary>Starts all processes at once and waits until each is ready. Where another program took a port meanwhile, they are started again on others.</summary>
    /// <exception cref="FleetException">A process did not start, ended, or does not get ready, and is no worker that others can begin without; the message shows the end of its log.</exception>
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

    /// <summary>Starts or drains workers until there are so many; those that work on nothing go first, then those with the highest numbers. Returns when new ones are ready and others were asked to leave.</summary>
    /// <exception cref="FleetException">A new one does not get ready; it stays.</exception>
    public async Task ScaleAsync(int workers, string reason, CancellationToken cancellation) =>
        await WaitReadyAsync(Scale(workers, reason, []), mayBeLate: false, cancellation);

    /// <summary>As <see cref="ScaleAsync"/>, and waits for nobody.</summary>
    /// <param name="idle">Names of workers that work on nothing.</param>
    public void BeginScale(int workers, string reason, IReadOnlyList<string> idle) => Scale(workers, reason, idle);

    private List<FleetMember> Scale(int workers, string reason, IReadOnlyList<string> idle)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(workers);
        var started = new List<FleetMember>();
        lock (_fleet.Gate)
        {
            FleetMember[] there = [.. _fleet.Members.Values.Where(m => m.IsWorker && !m.IsLeaving).OrderByDescending(m => idle.Contains(m.Plan.Name)).ThenByDescending(m => m.Number)];
            foreach (FleetMember member in there.Take(there.Length - workers))
            {
                member.IsLeaving = true;
                member.LeaveReason = reason;
                member.Child.Terminate();
                _ = EndIfItStaysAsync(member.Child);
            }

            for (int number = 0; there.Length + started.Count < workers; number++)
            {
                // One that is still draining keeps its number until it is gone.
                if (!_fleet.Members.ContainsKey(FleetPlan.WorkerName(number)))
                {
                    started.Add(Start(_fleet.Plan.Worker(number), number));
                }
            }
        }

        foreach (FleetMember member in started)
        {
            _fleet.Report(member.Plan.Name, FleetEventKind.Started, reason);
        }

        return started;
    }

    /// <summary>Sends a signal of the system to one process, such as 9, which ends it at once, or 19 and 18, which halt it and let it go on. One that ends of 9 or 15 is started again at once, and its end does not count against it.</summary>
    /// <returns>False: no such process is running.</returns>
    public bool Signal(string name, int signal)
    {
        lock (_fleet.Gate)
        {
            if (!_fleet.Members.TryGetValue(name, out FleetMember? member) || member.Child.Exited.IsCompleted)
            {
                return false;
            }

            member.IsToEnd |= signal is UnixSignal.Kill or UnixSignal.Terminate;
            member.Child.Signal(signal);
            return true;
        }
    }

    /// <summary>Asks all processes to end and ends those that take too long: parameter servers first, which keep a checkpoint while there is still somebody to finish the step, Redis last.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }

        await _fleet.StopAsync();
        ChildProcess[] redis;
        ChildProcess[] shards;
        ChildProcess[] workers;
        ChildProcess[] services;
        lock (_fleet.Gate)
        {
            redis = [.. _fleet.Members.Values.Where(m => m.Plan.Name == FleetPlan.RedisName).Select(m => m.Child)];
            shards = [.. _fleet.Members.Values.Where(m => FleetPlan.IsShard(m.Plan.Name)).Select(m => m.Child)];
            workers = [.. _fleet.Members.Values.Where(m => m.IsWorker).Select(m => m.Child)];
            services = [.. _fleet.Members.Values.Select(m => m.Child).Except(redis).Except(shards).Except(workers)];
        }

        await EndAsync(shards, _options.StopTimeout);
        // What a worker has in hand is of no use any more, and nobody is there to take it.
        await EndAsync(workers, WorkersGrace);
        await EndAsync(services, _options.StopTimeout);
        await EndAsync(redis, _options.StopTimeout);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _fleet.EndAll();
        _readiness.Dispose();
    }

    private async Task StartAllAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(_options.LogDirectory);
        FleetMember[] members;
        lock (_fleet.Gate)
        {
            members = [.. _fleet.Plan.Processes.Select(p => Start(p, null)), .. Enumerable.Range(0, _options.Workers).Select(number => Start(_fleet.Plan.Worker(number), number))];
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task ready = WaitReadyAsync(members, mayBeLate: true, stop.Token);
        try
        {
            await await Task.WhenAny(ready, Broken);
        }
        finally
        {
            await stop.CancelAsync();
            await ready.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        lock (_fleet.Gate)
        {
            _fleet.IsSupervised = true;
        }
    }

    /// <summary>Under the lock.</summary>
    private FleetMember Start(PlannedProcess plan, int? number)
    {
        var member = new FleetMember(plan, number, _fleet.StartChild(plan)) { Started = _fleet.Time.GetUtcNow() };
        _fleet.Members[plan.Name] = member;
        _ = _supervision.StayAsync(member);
        return member;
    }

    private Task WaitReadyAsync(IEnumerable<FleetMember> members, bool mayBeLate, CancellationToken cancellation)
    {
        var progress = new StartProgress(_options.StartLimit, _fleet.Time);
        return Task.WhenAll(members.Select(m => WaitReadyAsync(m, progress, mayBeLate, cancellation)));
    }

    /// <param name="mayBeLate">Others can begin without it, where it is a worker and they are ready.</param>
    private async Task WaitReadyAsync(FleetMember member, StartProgress progress, bool mayBeLate, CancellationToken cancellation)
    {
        string name = member.Plan.Name;
        // One that is started again may be asked elsewhere.
        for (TimeSpan pause = TimeSpan.FromMilliseconds(40); !member.IsLeaving; pause = pause < TimeSpan.FromMilliseconds(250) ? pause * 1.2 : pause)
        {
            if (await _readiness.AskAsync(member.Plan.Health, cancellation) is not { } instead)
            {
                member.IsReady = true;
                break;
            }

            string? failure = progress.Look(name, instead, member.Child.Work);
            if (mayBeLate && (failure is not null || progress.Elapsed > StartProgress.Lateness) && HasOtherWorker(member))
            {
                _fleet.Report(name, FleetEventKind.Late, $"{failure ?? string.Create(CultureInfo.InvariantCulture, $"it is not ready after {progress.Elapsed.TotalSeconds:0} s")} ({instead}); the others begin, and it joins them when it is. Its log: {member.Child.LogPath}");
                break;
            }

            if (failure is not null)
            {
                throw new FleetException($"{name} is not ready, and is given up: {failure} ({instead}). A limit of another length: --start-limit SECONDS, or {EnvironmentNames.StartLimit}. Its log, {member.Child.LogPath}, ends:{Environment.NewLine}{member.Child.Tail()}");
            }

            if (progress.Tell() is { } said)
            {
                _fleet.Report("fleet", FleetEventKind.Starting, said);
            }

            await Task.Delay(pause, _fleet.Time, cancellation);
        }

        progress.Done(name);
    }

    private bool HasOtherWorker(FleetMember member)
    {
        lock (_fleet.Gate)
        {
            return member.IsWorker && _fleet.Members.Values.Any(m => m.IsWorker && m.IsReady);
        }
    }

    /// <summary>A worker that was asked to leave and hangs, or is halted, does not stay for good.</summary>
    private async Task EndIfItStaysAsync(ChildProcess child)
    {
        if (await Task.WhenAny(child.Exited, Task.Delay(LeaveTimeout, _fleet.Time, _fleet.Stopping)) != child.Exited && !_fleet.Stopping.IsCancellationRequested)
        {
            child.Kill();
        }
    }

    private async Task EndAsync(ChildProcess[] children, TimeSpan timeout)
    {
        foreach (ChildProcess child in children)
        {
            child.Terminate();
        }

        Task all = Task.WhenAll(children.Select(c => c.Exited));
        if (await Task.WhenAny(all, Task.Delay(timeout, _fleet.Time, CancellationToken.None)) != all)
        {
            foreach (ChildProcess child in children)
            {
                child.Kill();
            }
        }

        await all;
    }
}
