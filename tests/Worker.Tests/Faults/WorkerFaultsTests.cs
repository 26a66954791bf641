using Lockstep.Contracts.Faults;
using Lockstep.Core.Protocol;
using Lockstep.Transport;
using Lockstep.Worker.Faults;
using Lockstep.Worker.Tests.Harness;
using Lockstep.Worker.Tests.Oracle;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Faults;

/// <summary>Faults that a worker does to itself and its messages happen, and do not show in the ledger.</summary>
public sealed class WorkerFaultsTests : IDisposable
{
    private const string Disturbed = "disturbed";
    private const int Factor = 50;
    private static readonly StubJob Job = Cases.All["everything"] with { TotalSteps = 8 };

    private readonly FaultFolder _folder = new(Directory.CreateTempSubdirectory("lockstep-").FullName);

    [Fact]
    public async Task Messages_that_are_lost_doubled_late_and_overtaken_leave_the_ledger_as_it_is()
    {
        FaultKind[] kinds = [FaultKind.Drop, FaultKind.Duplicate, FaultKind.Delay, FaultKind.Reorder];
        for (int number = 0; number < kinds.Length; number++)
        {
            _folder.Arm(number, new Fault(kinds[number], new FaultTime(0, null, null)) { Target = Disturbed, Share = 0.3, Seed = (ulong)number });
        }

        // Whether messages overtake each other in a run is chance.
        do
        {
            Ledger.Equal("messages", await QuietRun.LedgerAsync(Job), Ledger.Of(await RunAsync(tolerant: false)));
        }
        while (Enumerable.Range(0, kinds.Length).Any(number => _folder.FiredAt(number)?.Target != Disturbed));
    }

    [Theory]
    [InlineData(PartitionSide.To)]
    [InlineData(PartitionSide.From)]
    [InlineData(PartitionSide.Both)]
    public async Task A_worker_that_is_cut_off_from_a_shard_does_not_stop_the_others(PartitionSide side)
    {
        _folder.Arm(0, new Fault(FaultKind.Partition, new FaultTime(0, null, null)) { Target = Disturbed, Shard = 1, Side = side });

        // The partition lasts to the end of the run.
        IReadOnlyList<StepReport> reports = await RunAsync(tolerant: false);

        Ledger.Equal("partition", await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
        Assert.NotNull(_folder.FiredAt(0));
    }

    /// <summary>Those that a worker comes to by itself.</summary>
    public static TheoryData<FaultPhase> Phases => [.. Enum.GetValues<FaultPhase>().Where(p => FaultRule.HasPhase(FaultKind.Exception, p)).Except([FaultPhase.Revoke, FaultPhase.Leave])];

    [Theory]
    [MemberData(nameof(Phases))]
    public async Task A_worker_that_fails_at_a_phase_of_a_step_leaves_the_ledger_as_it_is(FaultPhase phase)
    {
        _folder.Arm(0, new Fault(FaultKind.Exception, new FaultTime(null, 2, phase)) { Target = Disturbed });

        IReadOnlyList<StepReport> reports = await RunAsync(tolerant: true);

        Ledger.Equal(phase.ToString(), await QuietRun.LedgerAsync(Job), Ledger.Of(reports));
        Assert.NotNull(_folder.FiredAt(0));
    }

    [Fact]
    public async Task A_worker_that_fails_as_it_leaves_leaves_the_ledger_as_it_is()
    {
        _folder.Arm(0, new Fault(FaultKind.Exception, new FaultTime(null, 0, FaultPhase.Leave)) { Target = Disturbed });
        using WorkerFaults faults = Faults();
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, TimeProvider.System);
        var begun = new Gate();
        var leaves = new Gate();
        Member disturbed = swarm.Hire(Disturbed, faults, job => new StubTrainer(job, (step, _) =>
        {
            if (step == 2 && begun.Open())
            {
                leaves.Wait(swarm.End);
            }
        }), tolerant: true).Start();
        await begun.WaitAsync(swarm.End);

        disturbed.Drain();
        leaves.Open();

        await Assert.ThrowsAsync<InjectedFaultException>(() => disturbed.Run);
        swarm.Hire("quiet").Start();
        Ledger.Equal("leave", await QuietRun.LedgerAsync(Job), Ledger.Of(await swarm.WatchAsync()));
        Assert.NotNull(_folder.FiredAt(0));
    }

    [Fact]
    public async Task A_worker_that_fails_when_slots_are_taken_back_leaves_the_ledger_as_it_is()
    {
        _folder.Arm(0, new Fault(FaultKind.Exception, new FaultTime(null, 2, FaultPhase.Revoke)) { Target = Disturbed });
        using WorkerFaults faults = Faults();
        using var folder = new TemporaryFolder();
        // Nothing is ever overdue: what the disturbed worker has not begun is taken back.
        await using var swarm = new Swarm(Job, 2, folder.Path, new FakeTimeProvider());
        var begun = new Gate();
        var revoked = new Gate();
        Member disturbed = swarm.Hire(Disturbed, faults, job => new StubTrainer(job, (step, _) =>
        {
            if (step == 2 && begun.Open())
            {
                revoked.Wait(swarm.End);
            }
        }), tolerant: true, new ScriptedWire(after: (message, _) =>
        {
            if (message.Kind == MessageKind.Revoke)
            {
                revoked.Open();
            }

            return Task.CompletedTask;
        })).Start();
        await begun.WaitAsync(swarm.End);

        swarm.Hire("quiet").Start();

        await Assert.ThrowsAsync<InjectedFaultException>(() => disturbed.Run);
        Ledger.Equal("revoke", await QuietRun.LedgerAsync(Job), Ledger.Of(await swarm.WatchAsync()));
        Assert.NotNull(_folder.FiredAt(0));
    }

    [Fact]
    public void A_fault_happens_once_and_not_before_its_step()
    {
        _folder.Arm(3, new Fault(FaultKind.Exception, new FaultTime(null, 5, FaultPhase.Load)) { Target = Disturbed });
        using WorkerFaults faults = Faults();

        faults.Reach(FaultPhase.Load, 4);
        faults.Reach(FaultPhase.Compute, 5);
        Assert.Null(_folder.FiredAt(3));
        Assert.Throws<InjectedFaultException>(() => faults.Reach(FaultPhase.Load, 6));
        faults.Reach(FaultPhase.Load, 7);

        // Nor in the next life of the process.
        using WorkerFaults next = Faults();
        next.Reach(FaultPhase.Load, 7);
    }

    [Fact]
    public void A_gradient_is_spoiled_once()
    {
        _folder.Arm(0, new Fault(FaultKind.NaN, new FaultTime(null, 5, null)) { Target = Disturbed });
        _folder.Arm(1, new Fault(FaultKind.NaN, new FaultTime(null, 5, null)) { Target = "another" });
        using WorkerFaults faults = Faults();

        Assert.Equal([false, true, false], new[] { faults.SpoilsGradient(4), faults.SpoilsGradient(5), faults.SpoilsGradient(6) });
    }

    [Fact]
    public void A_fault_is_expected_while_the_worker_is_in_a_job_and_asked_for()
    {
        var time = new FakeTimeProvider();
        _folder.Arm(0, new Fault(FaultKind.NaN, new FaultTime(null, 5, null)) { Target = Disturbed });
        using WorkerFaults faults = new(new ArmedFaults(_folder, Disturbed, time), time, NullLogger.Instance);

        Assert.False(IsExpected());
        faults.Step = 3;
        Assert.True(IsExpected());
        Assert.True(IsExpected());
        // It gets no work for a while, until it has a version again.
        Assert.True(faults.SpoilsGradient(5));
        Assert.False(IsExpected());
        faults.Step = 6;
        Assert.True(IsExpected());

        bool IsExpected()
        {
            _folder.AskAgain(0);
            time.Advance(TimeSpan.FromSeconds(1));
            return _folder.IsExpected(0);
        }
    }

    public void Dispose() => Directory.Delete(_folder.FullName, recursive: true);

    private WorkerFaults Faults(TimeProvider? time = null) => new(new ArmedFaults(_folder, Disturbed, TimeProvider.System), time ?? TimeProvider.System, NullLogger.Instance);

    /// <summary>One worker with the faults and one without, on two shards.</summary>
    private async Task<IReadOnlyList<StepReport>> RunAsync(bool tolerant)
    {
        var time = new FastTime(Factor);
        using WorkerFaults faults = Faults(time);
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(Job, 2, folder.Path, time);
        swarm.Hire(Disturbed, faults, tolerant: tolerant).Start();
        // The other one comes when the job needs it, so that the faults have their step.
        Task met = WaitFiredAsync(swarm.End);
        swarm.Hire("quiet").Start(met);
        return await swarm.WatchAsync();
    }

    private async Task WaitFiredAsync(CancellationToken cancellation)
    {
        int[] numbers = [.. _folder.Armed().Select(f => f.Number)];
        while (numbers.Any(number => _folder.FiredAt(number) is null))
        {
            await Task.Delay(2, cancellation);
        }
    }
}
