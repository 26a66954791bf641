using System.Diagnostics.Metrics;
using Lockstep.Contracts.Faults;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Faults;
using Lockstep.Worker.Loop;
using Lockstep.Worker.Tests.Local;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lockstep.Worker.Tests.Harness;

/// <summary>Shards and real training loops in one process, on one job.</summary>
internal sealed class Swarm : IAsyncDisposable
{
    /// <summary>No run lasts so long: it hangs.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly StubJob? _stub;
    private readonly TrainingPlan _job;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _end = new(Patience);
    private readonly List<Member> _members = [];
    private Exception? _failure;

    /// <param name="time">Of loops and shards: where it stands still, no slot is ever overdue.</param>
    public Swarm(StubJob stub, int shards, string checkpoints, TimeProvider time, long? resume = null)
        : this(stub.For(shards, checkpoints, resume), time) => _stub = stub;

    /// <summary>Of a job whose workers bring their own trainers.</summary>
    public Swarm(TrainingPlan job, TimeProvider time)
    {
        _time = time;
        _job = job;
        Cluster = new LocalCluster(job.Descriptor.Shards, time);
    }

    public LocalCluster Cluster { get; }

    public JobDescriptor Descriptor => _job.Descriptor;

    /// <value>Ends a run that hangs.</value>
    public CancellationToken End => _end.Token;

    /// <param name="tolerant">Its failure does not end the run.</param>
    public Member Hire(string name, IWire? wire = null, Func<StubJob, ITrainer>? trainer = null, bool tolerant = false) =>
        Hire(name, wire ?? new QuietWire(), () => trainer?.Invoke(_stub!) ?? new StubTrainer(_stub!), tolerant);

    /// <summary>A worker that does faults to itself and its messages.</summary>
    public Member Hire(string name, WorkerFaults faults, Func<StubJob, ITrainer>? trainer = null, bool tolerant = false, IWire? wire = null) =>
        Hire(name, wire ?? new QuietWire(), () => faults.Disturb(trainer?.Invoke(_stub!) ?? new StubTrainer(_stub!)), tolerant, faults);

    /// <param name="trainer">Called on the worker's compute thread.</param>
    public Member Hire(string name, IWire wire, Func<ITrainer> trainer, bool tolerant = false, WorkerFaults? faults = null)
    {
        IShardWork[] shards = [.. Cluster.Hosts.Select((host, shard) => new WiredShard(host, shard, name, wire))];
        if (faults is not null)
        {
            shards = [.. shards.Select(shard => faults.Disturb(shard, shards.Length))];
        }

        var member = new Member(name, _job, shards, trainer, _time, End, tolerant ? _ => { } : Fail, faults is null ? null : faults.Reach);
        lock (_members)
        {
            _members.Add(member);
        }

        return member;
    }

    /// <summary>What ps-0 reports, to the end of the job or to a report that is enough.</summary>
    public async Task<IReadOnlyList<StepReport>> WatchAsync(Func<StepReport, bool>? isEnough = null)
    {
        var reports = new List<StepReport>();
        // Nobody knows of the job before a worker has opened it.
        while (Cluster.Hosts[0].Describe(Descriptor.JobId) is null)
        {
            await Task.Delay(1, End);
        }

        try
        {
            await foreach (StepReport report in Cluster.Shards[0].WatchAsync(Descriptor.JobId, 0, End))
            {
                reports.Add(report);
                if (isEnough?.Invoke(report) ?? false)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException) when (_failure is not null)
        {
            throw new InvalidOperationException(_failure.Message, _failure);
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException($"After {reports.Count} reports the run hangs: {string.Join(", ", Cluster.Hosts.Select((host, shard) => $"shard {shard} at {host.Progress(Descriptor.JobId)?.Cursor} lacks [{string.Join(' ', host.Progress(Descriptor.JobId)?.Missing ?? [])}]"))}; {Cluster.Hosts[0].DescribeGrants(Descriptor.JobId)}", exception);
        }

        return reports;
    }

    private void Fail(Exception exception)
    {
        _failure ??= exception;
        _end.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        Member[] members;
        lock (_members)
        {
            members = [.. _members];
        }

        foreach (Member member in members)
        {
            await member.DisposeAsync();
        }

        await Cluster.DisposeAsync();
        _end.Dispose();
    }
}

/// <summary>One worker: its loop on a thread of its own.</summary>
internal sealed class Member : IAsyncDisposable
{
    private readonly ComputeThread _compute;
    private readonly CancellationTokenSource _drain = new();
    private readonly CancellationTokenSource _abort;
    private readonly Meters _meters = new();
    private readonly ITrainer _trainer;
    private readonly TrainingLoop _loop;
    private readonly Action<Exception> _fail;

    public Member(string name, TrainingPlan job, IReadOnlyList<IShardWork> shards, Func<ITrainer> trainer, TimeProvider time, CancellationToken end, Action<Exception> fail, Action<FaultPhase, long>? reach = null)
    {
        _fail = fail;
        Name = name;
        _abort = CancellationTokenSource.CreateLinkedTokenSource(end);
        _compute = new ComputeThread(name);
        _trainer = _compute.RunAsync(trainer).GetAwaiter().GetResult();
        _loop = new TrainingLoop(job, name, shards, _trainer, _compute, new WorkerMetrics(_meters), time, NullLogger<TrainingLoop>.Instance, reach: reach);
    }

    public string Name { get; }

    /// <value>As <see cref="TrainingLoop.RunAsync"/>.</value>
    public Task<bool> Run { get; private set; } = Task.FromResult(false);

    public Member Start(Task? barrier = null)
    {
        Run = Task.Run(async () =>
        {
            await (barrier ?? Task.CompletedTask);
            try
            {
                return await _loop.RunAsync(_drain.Token, _abort.Token);
            }
            catch (Exception exception) when (exception is not OperationCanceledException and not KilledException)
            {
                _fail(exception);
                throw;
            }
        });
        return this;
    }

    public void Drain() => _drain.Cancel();

    public void Abort() => _abort.Cancel();

    public async ValueTask DisposeAsync()
    {
        Abort();
        await ((Task)Run).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _compute.RunAsync(_trainer.Dispose);
        _compute.Dispose();
        _meters.Dispose();
        _drain.Dispose();
        _abort.Dispose();
    }

    private sealed class Meters : IMeterFactory
    {
        private readonly List<Meter> _meters = [];

        public Meter Create(MeterOptions options)
        {
            var meter = new Meter(options);
            _meters.Add(meter);
            return meter;
        }

        public void Dispose() => _meters.ForEach(m => m.Dispose());
    }
}
