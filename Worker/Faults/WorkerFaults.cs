using System.Diagnostics;
using System.Runtime.InteropServices;
using Lockstep.Contracts.Faults;
using Lockstep.Contracts.Services;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Loop;

namespace Lockstep.Worker.Faults;

/// <summary>The faults that this worker does to itself and to its messages, where <c>lockstep chaos</c> asks for them.</summary>
internal sealed partial class WorkerFaults(ArmedFaults armed, TimeProvider time, ILogger logger) : IDisposable
{
    private const int SigTerm = 15;

    private readonly Lock _gate = new();
    private long _step;
    private Cursor? _brokenPush;
    private TaskCompletionSource _sent = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <value>The step of the version that came last.</value>
    public long Step
    {
        get => Interlocked.Read(ref _step);
        set
        {
            Interlocked.Exchange(ref _step, value);
            armed.IsReady = true;
        }
    }

    /// <value>Of the push that a shard did not take, until the next one begins.</value>
    public Cursor? BrokenPush
    {
        get
        {
            lock (_gate)
            {
                return _brokenPush;
            }
        }
        set
        {
            lock (_gate)
            {
                _brokenPush = value;
            }
        }
    }

    /// <value>Done when the next message is sent to any shard.</value>
    public Task NextSent => Volatile.Read(ref _sent).Task;

    /// <summary>A message is sent.</summary>
    public void Sent() => Interlocked.Exchange(ref _sent, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <returns>Null: nobody asks for faults.</returns>
    public static WorkerFaults? From(IConfiguration configuration, string workerId, TimeProvider time, ILoggerFactory loggers) =>
        configuration[EnvironmentNames.Faults] is { Length: > 0 } path ? new WorkerFaults(new ArmedFaults(new FaultFolder(path), workerId, time), time, loggers.CreateLogger<WorkerFaults>()) : null;

    public IShardWork Disturb(IShardWork shard, int shards) => new FaultyShardClient(shard, shards, this, time);

    public ITrainer Disturb(ITrainer trainer) => new FaultyTrainer(trainer, this);

    /// <summary>Meets its end here, where that was asked for: in the step that was named, or the first after it in which the worker gets here.</summary>
    /// <exception cref="InjectedFaultException">It was asked for an exception.</exception>
    public void Reach(FaultPhase phase, long step)
    {
        if (Pending(phase, step) is { } pending && armed.TryFire(pending.Number))
        {
            LogReached(pending.Number, pending.Fault, phase, step);
            // It is out of the job for a while.
            armed.IsReady = false;
            Meet(pending.Fault);
        }
    }

    public bool IsPending(FaultPhase phase, long step) => Pending(phase, step) is not null;

    /// <summary>Whether a slot's gradient shall be none; once.</summary>
    public bool SpoilsGradient(long step)
    {
        foreach ((int number, Fault fault) in armed.Current)
        {
            if (fault.Kind == FaultKind.NaN && step >= (fault.At.Step ?? 0) && armed.TryFire(number))
            {
                LogSpoiled(number, step);
                armed.IsReady = false;
                return true;
            }
        }

        return false;
    }

    /// <summary>The faults of messages between this worker and a shard.</summary>
    public IEnumerable<(int Number, Fault Fault)> OfMessages(int shard) =>
        armed.Current.Where(f => FaultRule.IsOfMessages(f.Fault.Kind) && (f.Fault.Shard is not { } one || one == shard));

    public bool IsPartitioned(int shard, PartitionSide side) => OfMessages(shard).Any(f => IsCut(f.Fault, side));

    public static bool IsCut(Fault fault, PartitionSide side) => fault.Kind == FaultKind.Partition && (fault.Side == side || fault.Side == PartitionSide.Both);

    /// <summary>Says that a fault of messages befell one.</summary>
    public void Befell(int number) => armed.TryFire(number);

    public void Dispose() => armed.Dispose();

    private (int Number, Fault Fault)? Pending(FaultPhase phase, long step)
    {
        foreach ((int number, Fault fault) in armed.Current)
        {
            bool isHere = fault.At.Phase is { } at ? at == phase && step >= fault.At.Step : fault.Kind == FaultKind.Exception;
            if (FaultRule.HasPhases(fault.Kind) && isHere && !armed.HasFired(number))
            {
                return (number, fault);
            }
        }

        return null;
    }

    private static void Meet(Fault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.Kill:
                using (var self = Process.GetCurrentProcess())
                {
                    self.Kill();
                }

                break;
            case FaultKind.Drain:
                _ = SendSignal(Environment.ProcessId, SigTerm);
                break;
            default:
                throw new InjectedFaultException();
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);

    [LoggerMessage(130, LogLevel.Warning, "Fault {Number}: {Fault} at {Phase} of step {Step}")]
    private partial void LogReached(int number, Fault fault, FaultPhase phase, long step);

    [LoggerMessage(131, LogLevel.Warning, "Fault {Number}: a gradient of step {Step} is spoiled")]
    private partial void LogSpoiled(int number, long step);
}

/// <summary>The exception that a fault asks for.</summary>
internal sealed class InjectedFaultException() : Exception("A fault that was asked for with lockstep chaos.");
