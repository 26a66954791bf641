using Lockstep.Contracts.Faults;

namespace Lockstep.Contracts.Tests.Faults;

public sealed class FaultScheduleTests
{
    [Fact]
    public void Reads_times_steps_and_phases()
    {
        IReadOnlyList<Fault> faults = FaultSchedule.Parse("""
            faults:
              - kind: stop
                at: {seconds: 1.5}
                target: worker-2
                duration: 4
              - {kind: kill-shard, at: {step: 30, phase: announce}, target: ps-1}
              - {kind: kill, at: {step: 7, worker: worker-3, phase: push-after-one-shard}}
              - {kind: partition, at: {step: 9}, target: worker-1, shard: 1, side: from}
              - {kind: scale, at: {seconds: 20}, workers: 8}
            """, "s.yaml");

        Assert.Equal(
            [
                new Fault(FaultKind.Stop, new FaultTime(1.5, null, null)) { Target = "worker-2", Duration = 4, Line = 4 },
                new Fault(FaultKind.KillShard, new FaultTime(null, 30, FaultPhase.Announce)) { Target = "ps-1", Line = 6 },
                new Fault(FaultKind.Kill, new FaultTime(null, 7, FaultPhase.PushAfterOneShard)) { Target = "worker-3", Line = 7 },
                new Fault(FaultKind.Partition, new FaultTime(null, 9, null)) { Target = "worker-1", Duration = 5, Shard = 1, Side = PartitionSide.From, Line = 8 },
                new Fault(FaultKind.Scale, new FaultTime(20, null, null)) { Workers = 8, Line = 9 },
            ],
            faults);
    }

    [Fact]
    public void Reads_json_and_a_bare_list()
    {
        Fault[] expected = [new(FaultKind.Drop, new FaultTime(2, null, null)) { Duration = 10, Share = 0.1, Line = 1 }];

        Assert.Equal(expected, FaultSchedule.Parse("""{"faults": [{"kind": "drop", "at": {"seconds": 2}}]}""", "s.json"));
        Assert.Equal(expected, FaultSchedule.Parse("""[{"kind": "drop", "at": {"seconds": 2}}]""", "s.json"));
    }

    [Theory]
    [InlineData("digits/faults.yaml")]
    [InlineData("digits/phases.yaml")]
    [InlineData("fashion-mnist/capacity.yaml")]
    public void A_shipped_schedule_can_be_read(string name) => Assert.NotEmpty(FaultSchedule.Load(Path.Combine(Repository.Root, "samples", name)));

    [Theory]
    [InlineData("- {kind: explode, at: {step: 1}}", "s.yaml:2: 'kind' is 'explode'.")]
    [InlineData("- {kind: kill, at: {step: 1}, targt: worker-1}", "s.yaml:2: There is no key 'targt' in 'faults'. Did you mean 'target'?")]
    [InlineData("- {kind: kill}", "s.yaml:2: 'at' is missing in 'faults'.")]
    [InlineData("- {kind: kill, at: {}}", "s.yaml:2: 'at' needs either 'seconds' or 'step'.")]
    [InlineData("- {kind: kill, at: {step: 1, seconds: 2}}", "s.yaml:2: 'at' needs either 'seconds' or 'step'.")]
    [InlineData("- {kind: kill, at: {step: -1}}", "s.yaml:2: 'step' is '-1'.")]
    [InlineData("- {kind: kill, at: {step: 1}, target: ps-0}", "s.yaml:2: 'ps-0' is no target of 'kill'. Give the name of a worker")]
    [InlineData("- {kind: kill, at: {step: 1, worker: worker-1}}", "s.yaml:2: 'worker' goes with a phase. Name the process with 'target', beside 'at'.")]
    [InlineData("- {kind: kill, at: {step: 1, phase: pull, worker: worker-0}, target: worker-1}", "s.yaml:2: The fault befalls 'worker-1', and 'at' says 'worker-0'. Remove one of them.")]
    [InlineData("- {kind: add, at: {step: 1}, target: worker-1}", "s.yaml:2: 'worker-1' is no target of 'add'. Remove it.")]
    [InlineData("- {kind: kill, at: {step: 1}, duration: 3}", "s.yaml:2: A fault of kind 'kill' has no 'duration'.")]
    [InlineData("- {kind: stop, at: {step: 1}, share: 0.5}", "s.yaml:2: A fault of kind 'stop' has no 'share'.")]
    [InlineData("- {kind: drop, at: {step: 1}, side: to}", "s.yaml:2: A fault of kind 'drop' has no 'side'.")]
    [InlineData("- {kind: add, at: {step: 1}, workers: 2}", "s.yaml:2: A fault of kind 'add' has no 'workers'. Remove it, or use the kind 'scale'.")]
    [InlineData("- {kind: scale, at: {step: 1}, workers: 0}", "s.yaml:2: 'workers' is '0'.")]
    [InlineData("- {kind: kill, at: {step: 1}, shard: 0}", "s.yaml:2: A fault of kind 'kill' has no 'shard'.")]
    [InlineData("- {kind: stop, at: {step: 1, phase: load}}", "s.yaml:2: A fault of kind 'stop' has no phase.")]
    [InlineData("- {kind: kill, at: {seconds: 1, phase: load}}", "s.yaml:2: A phase is one of a step.")]
    [InlineData("- {kind: kill, at: {step: 1, phase: announce}}", "s.yaml:2: A fault of kind 'kill' has no phase 'announce'. Use one of pull, load,")]
    [InlineData("- {kind: kill-shard, at: {step: 1, phase: wait}}", "s.yaml:2: A fault of kind 'kill-shard' has no phase 'wait'. Use one of update, turn, announce.")]
    [InlineData("- {kind: kill-shard, at: {step: 1, phase: turn, worker: worker-1}}", "s.yaml:2: 'worker-1' is no target of 'kill-shard'.")]
    public void Says_what_is_wrong_and_where(string fault, string message)
    {
        var exception = Assert.Throws<InputException>(() => FaultSchedule.Parse("faults:\n  " + fault, "s.yaml"));

        Assert.StartsWith(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Says_all_that_is_wrong_at_once()
    {
        var exception = Assert.Throws<InputException>(() => FaultSchedule.Parse("faults:\n  - {kind: kill}\n  - {kind: explode, at: {step: 1}}\n", "s.yaml"));

        Assert.Equal([2, 3], exception.Errors.Select(e => e.Line));
    }

    [Theory]
    [InlineData("", "s.yaml: The schedule is empty. Write its faults; docs/faults.md shows some.")]
    [InlineData(" \r\n# only\r\n", "s.yaml: The schedule is empty. Write its faults; docs/faults.md shows some.")]
    [InlineData("- {kind: kill, at: {step: 1.5}}", "s.yaml:1: 'step' is '1.5'. Give a whole number, 0 or more.")]
    public void Names_what_is_expected_and_no_bound_that_is_none(string schedule, string message) =>
        Assert.Equal(message, Assert.Throws<InputException>(() => FaultSchedule.Parse(schedule, "s.yaml")).Message);

    [Fact]
    public void Says_that_there_is_no_schedule() =>
        Assert.Contains("cannot be read", Assert.Throws<InputException>(() => FaultSchedule.Load(Path.Combine(Path.GetTempPath(), "no-such-schedule.yaml"))).Message, StringComparison.Ordinal);
}
