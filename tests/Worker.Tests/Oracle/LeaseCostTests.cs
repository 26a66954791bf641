using System.Collections.Concurrent;
using Lockstep.Core.Protocol;
using Lockstep.Worker.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Oracle;

public sealed class LeaseCostTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_workers_step_costs_its_slots_and_one_messages_to_the_lease_table(int workers)
    {
        StubJob job = Cases.All["adam"];
        var messages = new ConcurrentQueue<Message>();
        IWire wire = new ScriptedWire((message, _) =>
        {
            if (message.Shard < 0)
            {
                messages.Enqueue(message);
            }

            return Task.CompletedTask;
        });
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(job, 2, folder.Path, new FakeTimeProvider());
        using var meeting = new Meeting(workers, 2, swarm.End);
        Member[] members = [.. Enumerable.Range(0, workers).Select(w => swarm.Hire($"w{w}", wire, stub => new StubTrainer(stub, meeting.Member())).Start())];
        await swarm.WatchAsync();
        await Task.WhenAll(members.Select(m => m.Run));

        Message[] step = [.. messages.Where(m => m.Cursor is { Step: 2, Attempt: 0 })];
        Assert.Equal(workers, step.Count(m => m.Kind == MessageKind.Advance));
        Assert.Equal(job.Slots, step.Count(m => m.Kind == MessageKind.Complete));
        Assert.Equal(job.Slots + workers, step.Length);
        Message[] evaluation = [.. messages.Where(m => m.Cursor is { Step: 4, Attempt: Cursor.Evaluation })];
        Assert.Equal(swarm.Descriptor.EvaluationSlots, evaluation.Count(m => m.Kind == MessageKind.Complete));
        Assert.Equal(swarm.Descriptor.EvaluationSlots + workers, evaluation.Length);
    }
}
