using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Jobs;
using Lockstep.Contracts;
using Lockstep.Engine.Processes;
using StackExchange.Redis;

namespace Lockstep.Engine.Chaos;

/// <summary>Faults that are done to a fleet from outside, with real signals.</summary>
internal sealed class FaultActions(LocalFleet fleet, TimeProvider time)
{
    /// <summary>A process that is down is waited for this long: the fleet is starting it again.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    // Halted four fifths of the time: a fifth of its speed.
    private static readonly TimeSpan Halted = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Going = TimeSpan.FromMilliseconds(50);

    /// <summary>What the fleet says of a change that is a fault.</summary>
    public static string ReasonOf(FaultKind kind) => $"a fault of kind '{JobWords.Of(kind)}'";

    /// <summary>Does it, and stays until it is over.</summary>
    /// <param name="fired">Is told whom it befell, once it happened; never where the process did not come up.</param>
    public Task RunAsync(Fault fault, Action<string> fired, CancellationToken cancellation) => fault.Kind switch
    {
        FaultKind.Kill or FaultKind.KillShard or FaultKind.KillScheduler or FaultKind.RestartRedis => SignalAsync(fault, UnixSignal.Kill, fired, cancellation),
        FaultKind.Drain => SignalAsync(fault, UnixSignal.Terminate, fired, cancellation),
        FaultKind.Stop or FaultKind.StopShard => StopAsync(fault, fired, cancellation),
        FaultKind.Slow => SlowAsync(fault, fired, cancellation),
        FaultKind.Add => AddAsync(fired, cancellation),
        FaultKind.Scale => ScaleAsync(fault.Workers!.Value, fired, cancellation),
        FaultKind.EmptyRedis => EmptyAsync(fault, fired, cancellation),
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "A process does this to itself."),
    };

    private async Task<bool> SignalAsync(Fault fault, int signal, Action<string> fired, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        while (!fleet.Signal(fault.Target!, signal))
        {
            if (time.GetElapsedTime(started) > Patience)
            {
                return false;
            }

            await Task.Delay(Pause, time, cancellation);
        }

        fired(fault.Target!);
        return true;
    }

    private async Task StopAsync(Fault fault, Action<string> fired, CancellationToken cancellation)
    {
        try
        {
            if (await SignalAsync(fault, UnixSignal.Stop, fired, cancellation))
            {
                await Task.Delay(TimeSpan.FromSeconds(fault.Duration), time, cancellation);
            }
        }
        finally
        {
            fleet.Signal(fault.Target!, UnixSignal.Continue);
        }
    }

    private async Task SlowAsync(Fault fault, Action<string> fired, CancellationToken cancellation)
    {
        try
        {
            long started = time.GetTimestamp();
            bool there = await SignalAsync(fault, UnixSignal.Stop, fired, cancellation);
            while (there && time.GetElapsedTime(started) < TimeSpan.FromSeconds(fault.Duration))
            {
                await Task.Delay(Halted, time, cancellation);
                fleet.Signal(fault.Target!, UnixSignal.Continue);
                await Task.Delay(Going, time, cancellation);
                fleet.Signal(fault.Target!, UnixSignal.Stop);
            }
        }
        finally
        {
            fleet.Signal(fault.Target!, UnixSignal.Continue);
        }
    }

    private async Task AddAsync(Action<string> fired, CancellationToken cancellation)
    {
        HashSet<string> before = [.. fleet.Processes.Select(p => p.Name)];
        Task scaled = fleet.ScaleAsync(fleet.Workers + 1, ReasonOf(FaultKind.Add), cancellation);
        fired(fleet.Processes.Select(p => p.Name).FirstOrDefault(name => !before.Contains(name)) ?? "");
        await scaled;
    }

    private async Task ScaleAsync(int workers, Action<string> fired, CancellationToken cancellation)
    {
        Task scaled = fleet.ScaleAsync(workers, ReasonOf(FaultKind.Scale), cancellation);
        fired($"to {Amount.Of(workers, "worker")}");
        await scaled;
    }

    private async Task EmptyAsync(Fault fault, Action<string> fired, CancellationToken cancellation)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(fleet.RedisConnection);
        options.AllowAdmin = true;
        options.AbortOnConnectFail = false;
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options);
        long started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < Patience)
        {
            try
            {
                await redis.GetDatabase().ExecuteAsync("FLUSHALL").WaitAsync(cancellation);
                fired(fault.Target!);
                return;
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException)
            {
                // It is down because of another fault, and is being started again.
                await Task.Delay(Pause, time, cancellation);
            }
        }
    }
}
