using Lockstep.Core.Protocol;
using Lockstep.Core.Tests.Protocol;
using Lockstep.ParameterServer.Steps;
using Lockstep.ParameterServer.Tests.Hosting;

namespace Lockstep.ParameterServer.Tests.Steps;

public sealed class StepGateTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lockstep-").FullName;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task No_shard_comes_past_a_version_that_is_held_and_the_ledger_is_the_same(int shards)
    {
        var gate = new Gate(2);
        JobDescriptor job = Job(shards, "held");
        await using var held = new HostedCluster(shards, gate: gate);
        await held.OpenAsync(job);
        Task<float[]> training = held.TrainAsync(job);
        await gate.Reached.WaitAsync(HostedCluster.Patience, TestContext.Current.CancellationToken);

        // All that the step needs is there.
        Assert.Equal(2, held.Hosts[0].Jobs[job.JobId].Step);
        Assert.Empty(held.Hosts[0].Progress(job.JobId)!.Missing);
        Assert.False(training.IsCompleted);
        gate.Open();
        float[] values = await training;

        JobDescriptor quietJob = Job(shards, "quiet");
        await using var quiet = new HostedCluster(shards);
        await quiet.OpenAsync(quietJob);
        Assert.Equal(await quiet.TrainAsync(quietJob), values);
        Assert.Equal([0, 1, 2, 3, 4], gate.Asked);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private JobDescriptor Job(int shards, string folder) => StubGradients.Job(shards, slots: 4, steps: 5) with { CheckpointDirectory = Path.Combine(_root, folder) };

    private sealed class Gate(long held) : IStepGate
    {
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public List<long> Asked { get; } = [];

        public Task Reached => _reached.Task;

        public void Open() => _open.SetResult();

        public async Task PassAsync(long version, CancellationToken cancellation)
        {
            Asked.Add(version);
            if (version == held)
            {
                _reached.SetResult();
                await _open.Task.WaitAsync(cancellation);
            }
        }
    }
}
