using Lockstep.Contracts.Jobs;
using Lockstep.Core.Checkpoints;
using Lockstep.Training;
using Lockstep.Worker.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace Lockstep.Worker.Tests.Oracle;

/// <summary>What the model's values say of which samples were used: value i falls by one whenever sample i is.</summary>
public sealed class ExactlyOnceTests
{
    public static TheoryData<long, int> Sizes => new(from samples in new long[] { 9, 15, 25, 100 } from workers in new[] { 1, 3, 5 } select (samples, workers));

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task An_epoch_uses_every_sample_once(long samples, int workers)
    {
        StubJob job = new()
        {
            Samples = samples,
            GlobalBatch = 8,
            Slots = 4,
            TotalSteps = (samples + 7) / 8 * 3,
            ValidationSamples = 0,
            Optimizer = new OptimizerSpec { Kind = OptimizerKind.Sgd, LearningRate = 1 },
        };
        using var folder = new TemporaryFolder();
        await using var swarm = new Swarm(job, 2, folder.Path, new FakeTimeProvider());
        Member[] members = [.. Enumerable.Range(0, workers).Select(w => swarm.Hire($"w{w}", new DelayingWire(w), stub => new CountingTrainer(stub)).Start())];
        await swarm.WatchAsync();
        Assert.All(await Task.WhenAll(members.Select(m => m.Run)), Assert.True);

        float[] used = CheckpointSet.Read(folder.Path, job.TotalSteps).Model();
        Assert.Equal(3, job.TotalSteps / swarm.Descriptor.StepsPerEpoch);
        Assert.All(used.Take((int)samples), value => Assert.Equal(-3f, value));
        Assert.All(used.Skip((int)samples), value => Assert.Equal(0f, value));
    }

    private sealed class CountingTrainer(StubJob job) : StubTrainer(job)
    {
        public override void CopyInitial(Span<float> values) => values.Clear();

        protected override SlotResult Compute(long step, int slot, ReadOnlySpan<long> sampleIds, int stepSampleCount, Span<float> gradient)
        {
            gradient.Clear();
            foreach (long id in sampleIds)
            {
                gradient[(int)id] += 1;
            }

            return new SlotResult(sampleIds.Length, 0);
        }
    }
}
